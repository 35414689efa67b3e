"""How long a training may take, as people and Slurm write it."""

from __future__ import annotations

import math

import pytest
import yaml

from gantool.errors import UsageError
from gantool.runs import folders
from gantool.training.settings import seconds
from tests.conftest import TRAIN_TINY


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


@pytest.mark.parametrize(
    ("text", "possible"),
    [("0", "more than 0"), ("0:00", "more than 0"), ("3651d", "at most 3650d, or UNLIMITED"), ("9" * 400, "at most")],
    ids=lambda text: text[:10],
)
def test_no_time_and_one_beyond_reason_are_refused(text, possible):
    with pytest.raises(UsageError, match=f"time is {possible}") as found:
        seconds(text)
    assert len(str(found.value)) < 150


def test_a_time_in_a_config_may_be_what_yaml_takes_for_a_number(main, tmp_path, pictures):
    for time, expected in (("7:50:00", "7:50:00"), ("90", "90"), ("07:50:00", "07:50:00")):
        (tmp_path / "c.yaml").write_text(f"model: cyclegan\ndata: [trainA, trainB]\ntime: {time}\n")
        out = main("train", "--config", "c.yaml", "--preset", "smoke", "--dry-run")[1]
        rows = {line.split()[0]: line.split()[1] for line in out.splitlines() if line.strip()}
        assert rows["time"] == expected


def limit(main, *words: str) -> list[str]:
    """The time limit of a training that goes on, and its source."""
    lines = main("train", *words, "--resume", "--dry-run", "-q")[1].splitlines()
    return next(line.split() for line in lines if line.startswith("time "))[1:]


def test_a_limit_is_one_of_the_call_not_of_the_run(main, tmp_path, pictures, monkeypatch):
    """It was kept: a run begun with a short limit met it again at each start, and never got far."""
    begin = ["train", "cyclegan", "trainA", "trainB", "-o", "run", "--preset", "smoke", *TRAIN_TINY]
    main(*begin, "--steps", "50", "--time", "0.01s", code=75)
    settings = tmp_path / "run" / folders.SETTINGS
    stored = yaml.safe_load(settings.read_text())
    assert "time" not in stored
    assert "time" not in stored["facts"]["sources"]
    settings.write_text("time: 0.01s\n" + settings.read_text())  # as versions before kept it
    assert "continuing run" in main("train", "-o", "run", "--resume", "--steps", "2")[2]
    assert "time" not in yaml.safe_load(settings.read_text())

    (tmp_path / "c.yaml").write_text("time: 3h\n")
    assert limit(main, "cyclegan", "-o", "run", "--config", "c.yaml") == ["3h", "config", "c.yaml"]
    monkeypatch.setenv("GANTOOL_TIME", "2h")
    assert limit(main, "-o", "run") == ["2h", "GANTOOL_TIME"]
    assert limit(main, "-o", "run", "--time", "1h") == ["1h", "--time"]
