"""The gallery is written anew now and then, and at the end, however often samples come."""

from __future__ import annotations

import pytest

from gantool.data.dataset import Recipe
from gantool.errors import DataError
from gantool.report.console import Console
from gantool.report.progress import progress
from gantool.report.runlog import RunLog
from gantool.runs import checkpoint
from gantool.training import request
from gantool.training.watch import PAGE_SECONDS, Watch
from tests.runs import TINY_CYCLEGAN


@pytest.fixture
def watched(tmp_path, pictures):
    plan = request.plan(request.Request("cyclegan", pictures, settings={"size": 36, "crop": 32}, set=TINY_CYCLEGAN))
    dataset = plan.data.layout.open(plan.domains, Recipe(plan.preparation, plan.spec.channels))
    model = checkpoint.build_model(plan.kind, plan.options, plan.spec).eval()
    (tmp_path / "run").mkdir()
    log = RunLog(tmp_path / "run/log.jsonl")
    device = next(model.parameters()).device

    class Times:
        now = 100.0

    watch = Watch(plan, tmp_path / "run", Console(verbosity=-2), log, 100, dataset, device, lambda: Times.now)
    with progress(watch.console, 100, 0) as watch.progress:
        yield watch, model, Times


def test_a_page_is_written_at_most_every_few_seconds(watched, tmp_path):
    watch, model, times = watched
    page = tmp_path / "run/gallery.html"
    written = []
    for step in range(21):
        page.unlink(missing_ok=True)
        watch.sample(step, model)
        if page.exists():
            written.append(step)
        times.now += PAGE_SECONDS / 4
    assert written == [0, 4, 8, 12, 16, 20]
    assert len(list((tmp_path / "run/samples").iterdir())) == 21


def test_a_save_is_shown_while_it_is_written(watched, tmp_path):
    watch, _, _ = watched
    watch.saving()
    assert "saving" in watch.progress._repr_html_()
    watch.saved(1, tmp_path / "run")
    assert "saving" not in watch.progress._repr_html_()


def test_the_last_page_has_all_samples(watched, tmp_path):
    watch, model, _ = watched
    for step in range(5):
        watch.sample(step, model)
    watch.finish()
    text = (tmp_path / "run/gallery.html").read_text()
    assert all(f"step {step}" in text for step in range(5))


def test_samples_that_fail_are_no_part_of_a_step(watched):
    watch, model, times = watched

    def fail(*_: object, **__: object) -> None:
        times.now += 500
        raise DataError("nothing to see")

    model.translate = fail
    watch.sample(0, model)
    times.now += 1
    assert watch.stopwatch.step(1, read=True) is None, "so slow a first step would be told of"
