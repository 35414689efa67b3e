from __future__ import annotations

import json

import pytest

from gantool.report.curves import curves
from gantool.report.runlog import RunLog, read


def test_what_is_appended_is_read(tmp_path):
    log = RunLog(tmp_path / "log.jsonl")
    log.append(1, {"gan": 0.5, "d": float("nan")}, rate=2e-4)
    log.append(2, {"gan": 0.25}, epoch=float("inf"))
    assert read(log.path) == [
        {"step": 1, "losses": {"gan": 0.5, "d": None}, "rate": 2e-4},
        {"step": 2, "losses": {"gan": 0.25}, "epoch": None},
    ]
    assert "NaN" not in log.path.read_text()


def test_a_missing_log_is_empty_and_can_be_truncated(tmp_path):
    RunLog(tmp_path / "log.jsonl").truncate_after(3)
    assert read(tmp_path / "log.jsonl") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("torn", ['{"step": 40, "los', '{"step": 40, "losses": {}}', "\0\0\0", '{"step"', "4"])
def test_resuming_after_a_torn_line_gives_the_log_of_a_run_that_never_stopped(tmp_path, torn):
    whole, broken = RunLog(tmp_path / "whole.jsonl"), RunLog(tmp_path / "broken.jsonl")
    for step in (10, 20, 30, 40):
        whole.append(step, {"gan": step / 7})
    for step in (10, 20, 30):
        broken.append(step, {"gan": step / 7})
    with broken.path.open("a") as file:
        file.write(torn)
    assert [record["step"] for record in read(broken.path)][:3] == [10, 20, 30]

    broken.truncate_after(20)
    for step in (30, 40):
        broken.append(step, {"gan": step / 7})
    assert broken.path.read_bytes() == whole.path.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.jsonl", "whole.jsonl"]


def test_what_is_appended_after_a_torn_line_is_read(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "losses": {}}\n{"step": 2, "los')
    for step in (1, 2):
        RunLog(path).append(step, {}, measured=step)
    assert [record.get("measured") for record in read(path)] == [None, 1, 2]
    assert path.read_bytes().count(b"\n\n") == 0


def test_a_complete_last_line_without_its_end_is_kept_whole(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "losses": {}}\n{"step": 2, "losses": {}}')
    RunLog(path).truncate_after(2)
    RunLog(path).append(3, {})
    assert [record["step"] for record in read(path)] == [1, 2, 3]


@pytest.mark.parametrize(
    "line",
    [
        "garbage",
        "[" * 100_000,
        '{"step": 2, "losses": 5}',
        '{"step": 2, "losses": {"gan": 1' + "0" * 400 + "}}",
        '{"step": 2, "losses": {"gan": "low"}}',
        '{"step": -2, "losses": {}}',
        '{"step": 2, "losses": {"gan": NaN}}',
        '{"step": 1' + "0" * 5000 + "}",
        '{"step": 2, "more": ' + "[" * 100 + "]" * 100 + "}",
        "\udcff",
    ],
)
def test_lines_that_are_no_records_are_left_out(tmp_path, line):
    path = tmp_path / "log.jsonl"
    whole = [json.dumps({"step": 1, "losses": {"gan": 0.5}}), json.dumps({"step": 3})]
    path.write_bytes("\n".join([whole[0], line, whole[1], ""]).encode(errors="surrogateescape"))
    assert [record["step"] for record in read(path)] == [1, 3]
    curves(read(path))
    RunLog(path).truncate_after(9)
    assert path.read_text().splitlines() == whole
