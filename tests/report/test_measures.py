from __future__ import annotations

import re

import pytest

from gantool.report.gallery import renew_metrics, write_gallery
from gantool.report.measures import Measured, measures, standing
from gantool.report.runlog import RunLog, read
from gantool.runs import folders


def record(log: RunLog, step: int, value: float | None, *, set: str = "s", by: str = "ssim", on: str = "val") -> None:
    metrics, better = {"ssim": value, "spread": 1.0}, {"ssim": "higher"}
    log.append(step, {}, measured=Measured(metrics, better, on, set, by).as_record())


@pytest.fixture
def log(tmp_path) -> RunLog:
    log = RunLog(tmp_path / "log.jsonl")
    log.append(1, {"gan": 0.5})
    for step, value in ((10, 0.701), (20, 0.725), (30, 0.725), (40, 0.71)):
        record(log, step, value)
    return log


def test_the_best_is_the_first_of_the_highest_among_saves_that_are_there(log):
    now = standing(read(log.path))
    assert now is not None
    assert (now.metric, now.better, now.step, now.value, now.since) == ("ssim", "higher", 20, 0.725, 2)
    there = standing(read(log.path), there={30, 40})
    assert there is not None
    assert (there.step, there.since) == (30, 1)
    assert standing(read(log.path), "spread") is None, "neither way is better"
    record(log, 50, 0.1, set="other")
    now = standing(read(log.path))
    assert now is not None
    assert (now.step, now.since) == (50, 0), "older ones do not compare"
    record(log, 60, 0.9, set="other", by="")  # measured, but not while the run was trained
    assert standing(read(log.path)) == now


@pytest.mark.parametrize(
    "measured",
    ['"x"', "{}", '{"metrics": {"ssim": "1"}, "better": {}, "on": "", "set": ""}'],
)
def test_what_is_no_measure_is_passed_over(log, measured):
    with log.path.open("a") as file:
        file.write(f'{{"step": 50, "measured": {measured}}}\n')
    assert [step for step, _ in measures(read(log.path))] == [10, 20, 30, 40]


def test_the_gallery_shows_metrics_above_losses_with_the_best_step(tmp_path, log):
    record(log, 20, 0.8, set="t", on="<i>other</i>")
    save = folders.save_folder(tmp_path, 30)
    save.mkdir(parents=True)
    (save / folders.WEIGHTS).touch()
    folders.set_best(tmp_path, save)
    page = write_gallery(tmp_path, "t", {}).read_text()
    assert page.index("<h2>Metrics</h2>") < page.index("Measured on val") < page.index("<h2>Losses</h2>")
    assert "higher is better; the dot is the best by ssim: 0.725 at step 20" in page
    assert page.count("RUN/best") == 1, "above the charts of the newest validation"
    assert "ssim decides: RUN/best is the save of step 30" in page
    assert "Measured on &lt;i&gt;other" in page
    assert "spread" not in page, "neither way is better"
    dots = re.findall(r'class="dot" cx="([\d.]+)" cy="([\d.]+)"', page)
    assert len(dots) == 3
    left, right = 44.0, 332.0
    assert left < float(dots[0][0]) < (left + right) / 2, "step 20 of 10 to 40"
    assert float(dots[0][1]) < 40, "near the top: the axis does not begin at 0"
    before = page
    renew_metrics(tmp_path)
    assert (tmp_path / "gallery.html").read_text() == before
    record(log, 50, 0.9)
    renew_metrics(tmp_path)
    assert "best by ssim: 0.9 at step 50" in (tmp_path / "gallery.html").read_text()
