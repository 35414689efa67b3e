"""How long a training may take, as people and Slurm write it."""

from __future__ import annotations

import math

import pytest

from gantool.errors import UsageError
from gantool.training.settings import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7h50m", 28200),
        ("90", 90),
        ("90s", 90),
        ("1.5h", 5400),
        ("2d", 172800),
        ("1d12h", 129600),
        ("90min", 5400),
        ("2 days", 172800),
        ("07:50:00", 28200),
        ("7:50:00", 28200),
        ("50:00", 3000),
        ("1-00:00:00", 86400),
        ("1-12", 129600),
        ("1-12:30", 131400),
        ("2-03:04:05", 183845),
        ("UNLIMITED", math.inf),
    ],
)
def test_spellings(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "7h50", "-1", "1:2:3:4", "1-", "1.2.3h", "h", "1-2h", "1:60s"])
def test_others_are_refused(text):
    with pytest.raises(UsageError, match="a time looks like"):
        seconds(text)


def test_a_time_in_a_config_may_be_what_yaml_takes_for_a_number(main, tmp_path, pictures):
    for time, expected in (("7:50:00", "28200"), ("90", "90"), ("07:50:00", "07:50:00")):
        (tmp_path / "c.yaml").write_text(f"model: cyclegan\ndata: [trainA, trainB]\ntime: {time}\n")
        out = main("train", "--config", "c.yaml", "--preset", "smoke", "--dry-run")[1]
        rows = {line.split()[0]: line.split()[1] for line in out.splitlines() if line.strip()}
        assert rows["time"] == expected
