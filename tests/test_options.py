"""Options: types, ranges, origins, and messages that help."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gantool.errors import UsageError
from gantool.options import assignments, build, describe, option, read_yaml, resolve, without_places


@dataclass(frozen=True, kw_only=True)
class Example:
    width: int = option(64, "channels", low=1, high=512)
    rate: float = option(2e-4, "learning rate", low=0)
    norm: str = option("instance", "norm", choices=("instance", "batch"))
    flip: bool = option(True, "mirror")
    limit: int | None = option(None, "limit", low=1)
    layers: tuple[int, ...] = option((0, 4), "layers", low=0)

    def __post_init__(self) -> None:
        if self.norm == "batch" and self.width < 8:
            raise ValueError("batch norm needs a width of at least 8")


def made(**text) -> Example:
    return build(Example, resolve(Example, [("--set", text)], where="example"), where="example")


def test_text_becomes_values():
    found = made(width="32", rate="1e-3", norm="batch", flip="no", limit="none", layers="1,2,3")
    assert found == Example(width=32, rate=1e-3, norm="batch", flip=False, limit=None, layers=(1, 2, 3))


@pytest.mark.parametrize("text", ["7", "(7,)", "[7]", " 7 "])
def test_several_numbers_are_read_as_they_are_shown(text):
    assert made(layers=text).layers == (7,)


def test_later_layers_win_and_each_value_knows_its_source():
    layers = [("preset fast", {"width": 8, "rate": 1}), ("--config c.yaml", {"width": 16}), ("--set", {"rate": "0.5"})]
    found = resolve(Example, layers, where="example")
    assert {key: (s.value, s.source) for key, s in found.items() if s.source != "default"} == {
        "width": (16, "--config c.yaml"),
        "rate": (0.5, "--set"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ({"widht": "3"}, "width"),
        ({"width": "many"}, "whole number"),
        ({"width": "3.5"}, "whole number"),
        ({"width": "0"}, "between 1 and 512"),
        ({"rate": "-1"}, "at least 0"),
        ({"rate": "nan"}, "finite"),
        ({"rate": "1e999"}, "finite"),
        ({"norm": "group"}, "instance, batch"),
        ({"flip": "perhaps"}, "true or false"),
        ({"layers": "1,x"}, 'layers wants whole numbers with commas between, not "1,x"'),
        ({"layers": "1,,2"}, "whole numbers"),
        ({"layers": "()"}, "whole numbers"),
        ({"layers": "1,-2"}, "at least 0"),
        (
            {"layers": f"1,{10**20}"},
            "layers takes whole numbers up to 9223372036854775807, not a number beyond 64 bits",
        ),
        ({"norm": "batch", "width": "4"}, "width of at least 8"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text, said):
    with pytest.raises(UsageError) as found:
        made(**text)
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_assignments():
    assert assignments(["a=1", " b-c = x=y "]) == {"a": "1", "b_c": "x=y"}
    with pytest.raises(UsageError, match="key=value"):
        assignments(["cycle"])


def test_yaml_errors_are_one_line(tmp_path):
    for content in ("a: [1", "- 1\n- 2", "\x00"):
        path = tmp_path / "c.yaml"
        path.write_text(content)
        with pytest.raises(UsageError) as found:
            read_yaml(path)
        assert "\n" not in str(found.value)
    path.write_text("steps: 3\nkeep 3\nbatch: 1\n")
    with pytest.raises(UsageError, match=r'cannot be read from line 3 on \("batch: 1"\); look there and just before'):
        read_yaml(path)
    with pytest.raises(UsageError, match="No such file"):
        read_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("steps: 3\nbatch: 1\nsteps: 4", "steps stands twice, in lines 1 and 3"),
        ("options: {lr: 1, lr: 2}", "lr stands twice, in lines 1 and 1"),
        ('data: ["horses\\0", zebras]', "not a text that can be written"),
        ('"a\\ud800": 1', "not a text that can be written"),
    ],
)
def test_yaml_that_would_lose_a_value_or_names_no_file_is_refused(tmp_path, content, said):
    (tmp_path / "c.yaml").write_text(content)
    with pytest.raises(UsageError, match=said):
        read_yaml(tmp_path / "c.yaml")


def test_numbers_of_yaml_are_decimal(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "time: 7:50:00\nfolder: 010\nwhole: -12\nlr: 1.5e-3\nshort: 2e-4\nmerged: {<<: {a: 1}, a: 2}"
    )
    assert read_yaml(tmp_path / "c.yaml") == {
        "time": "7:50:00",
        "folder": "010",
        "whole": -12,
        "lr": 0.0015,
        "short": "2e-4",
        "merged": {"a": 2},
    }


def test_the_table_holds_every_field():
    rows = {row.name: row for row in describe(Example)}
    assert rows["norm"].range == "instance, batch"
    assert rows["width"].range == "1 to 512"
    assert rows["limit"].type == "a whole number or none"


def test_of_paths_the_names_alone_may_leave_the_machine():
    given = {
        "vgg": "/home/ann/nets/vgg.pth",
        "fan": r"C:\Users\ann\wing.ckpt",
        "lpips": ("/home/ann/alex.pth", "heads.pth"),
        "from_": "hf://me/horses",
        "norm": "instance",
        "lr": 0.1,
    }
    made = {"vgg": "vgg.pth", "fan": "wing.ckpt", "lpips": ("alex.pth", "heads.pth")}
    assert without_places(given) == {**given, **made}
