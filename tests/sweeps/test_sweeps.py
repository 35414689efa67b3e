"""`gantool train --sweep`: combinations, checks before anything, going on, runs that diverge, shards, the table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gantool.errors import UsageError
from gantool.report.console import Console
from gantool.runs import folders, lock, outcome
from gantool.sweeps import plan, session
from gantool.sweeps.combinations import combinations
from gantool.training.words import Request
from tests.conftest import TRAIN_TINY, draw
from tests.runs import untrained


def names(*texts: str) -> list[str]:
    return [one.name for one in combinations(texts)]


def test_all_combinations_the_last_key_fastest():
    assert names("lr=1,2", "cycle-a=5, 10") == [
        "cycle_a=5,lr=1",
        "cycle_a=10,lr=1",
        "cycle_a=5,lr=2",
        "cycle_a=10,lr=2",
    ]
    assert names("gan=a/b,..") == ["gan=a%2Fb", "gan=.."]
    assert sorted(names("a=1", "b=2,3")) == sorted(names("b=3,2", "a=1"))


@pytest.mark.parametrize("texts", [["lr"], ["lr="], ["lr=1,,2"], ["lr=1,1"], ["lr=1", "lr=2"], ["lr=" + "1" * 300]])
def test_what_is_no_sweep_is_refused(texts):
    with pytest.raises(UsageError):
        combinations(texts)


@pytest.fixture
def sweep(main, pictures):
    """`sweep("--sweep", "lr=1,2")`: in the folder `all`, two steps each."""

    def run(*words, code: int = 0, steps: int = 2):
        return main(
            *("train", "cyclegan", *pictures, "-o", "all", *TRAIN_TINY, "--steps", str(steps), "-q", *words), code=code
        )

    return run


def stamps(root: Path) -> dict[str, int]:
    return {run.name: (run / "log.jsonl").stat().st_mtime_ns for run in root.iterdir()}


def test_a_combination_that_is_refused_is_refused_before_the_first_begins(sweep, tmp_path):
    err = sweep("--sweep", "lr=1e-4,x", code=2)[2]
    assert err.strip() == 'error: lr=x: cyclegan: lr wants a number, not "x"'
    assert "generator=unet: " in sweep("--sweep", "generator=resnet,unet", code=2)[2], "it needs larger crops"
    assert "leave out one of both" in sweep("--sweep", "width=4,8", code=2)[2]
    assert "--shard goes with --sweep" in sweep("--shard", "1/2", code=2)[2]
    assert "--shard wants i/n" in sweep("--sweep", "lr=1e-4", "--shard", "3/2", code=2)[2]
    assert "leave out --resume" in sweep("--resume", "--sweep", "lr=1,2", code=2)[2]
    assert not (tmp_path / "all").exists()


def test_a_sweep_goes_on_where_it_stopped_and_lists_its_runs(sweep, tmp_path):
    out = sweep("--sweep", "lr=1e-4,2e-4", "--shard", "1/2")[1]
    assert out.count("done") == 1
    before = stamps(tmp_path / "all")
    assert list(before) == ["lr=1e-4"]
    table = sweep("--sweep", "lr=1e-4,2e-4")[1]
    assert [line.split()[0] for line in table.splitlines()[1:]] == ["all/lr=1e-4", "all/lr=2e-4"]
    assert stamps(tmp_path / "all")["lr=1e-4"] == before["lr=1e-4"], "what is done is left"
    half = tmp_path / "all" / "lr=2e-4"
    folders.remove_save(folders.saves(half)[-1])  # as if it had been killed after its first step
    outcome.write(half, outcome.Outcome("running", 2))
    decided = json.loads(sweep("--sweep", "lr=1e-4,2e-4,3e-4", "--dry-run", "--json")[1])
    assert [one["state"] for one in decided["runs"]] == ["done", "to be continued", "new"]
    with lock.held(half):
        decided = json.loads(sweep("--sweep", "lr=1e-4,2e-4", "--dry-run", "--json")[1])
    assert [one["state"] for one in decided["runs"]] == ["done", "at work elsewhere"]
    sweep("--sweep", "lr=1e-4,2e-4")
    assert [save.name for save in folders.saves(half)] == ["00000001", "00000002"]


def test_what_another_process_has_trained_since_the_plan_is_left(pictures, tmp_path):
    settings, small = {"steps": 2, "crop": 32, "size": 32, "device": "cpu"}, {"width": "2", "blocks": "1"}
    request = Request(model="cyclegan", data=tuple(pictures), out=tmp_path / "all", settings=settings, set=small)
    planned = plan.plan(request, ["lr=1e-4"], None)
    untrained(tmp_path / "all" / "lr=1e-4", step=2)
    assert session.start(planned, Console(verbosity=-1)).elsewhere == ["lr=1e-4"]


def test_one_that_diverges_does_not_stop_the_rest(sweep, tmp_path):
    _, out, err = sweep("--sweep", "lr=1e30,1e-4", "--json", steps=13, code=1)
    assert "1 of 2 runs failed, the others are done: lr=1e30" in err
    found = outcome.read(tmp_path / "all" / "lr=1e30")
    assert found.code == 6
    assert "(--set lr=...), --precision fp32," in found.why
    assert json.loads(out.splitlines()[-1])["failed"] == {"lr=1e30": found.why}
    assert outcome.read(tmp_path / "all" / "lr=1e-4").state == "done"


def test_with_validations_it_ends_in_the_table_of_compare(sweep, tmp_path):
    for letter, seed in (("A", 5), ("B", 6)):
        draw(tmp_path / "held-back" / f"test{letter}", 3, seed=seed)
    out = sweep("--sweep", "lr=1e-4,2e-4", "--validate", "held-back", "--json", "--save-every", "2")[1]
    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "sweep"
    rows = last["comparison"]["rows"]
    assert [row["name"] for row in rows] == ["all/lr=1e-4/best", "all/lr=2e-4/best"]
    assert all("swd" in row["metrics"] for row in rows)
    assert [run["best"]["step"] for run in last["runs"]] == [2, 2]


def test_a_time_limit_is_that_of_all(sweep, tmp_path):
    err = sweep("--sweep", "lr=1e-4,2e-4", "--time", "0.01s", steps=400, code=75)[2]
    assert "which is saved: the same command goes on" in err
    assert not (tmp_path / "all" / "lr=2e-4").exists()
