"""Updates that wait for each other: several gradients at the same weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gantool.model import Progress
from gantool.training.run import TrainingRun


def stepped(deferred: bool, accumulate: int = 1) -> list[float]:
    """w after a step from w = 3 with the losses w^2 and w^3, each with its own update at rate 0.1."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 3.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run = TrainingRun(model, {"G": optimizer}, accumulate=accumulate)  # type: ignore[arg-type]
    run.begin(Progress(0, 1), 1.0)
    seen = []
    for _ in run.batches():
        with run.phase("G"):
            if deferred:
                with run.deferred():
                    for power in (2, 3):
                        run.backward((model.weight**power).sum())
                        run.update("G")
                        seen.append(model.weight.item())
            else:
                for power in (2, 3):
                    run.backward((model.weight**power).sum())
                    run.update("G")
    run.end()
    assert all(value == 3.0 for value in seen)
    return [model.weight.item(), float(run.skipped_in_a_row())]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_deferred_updates_are_made_at_the_end_from_gradients_at_the_same_weights(accumulate):
    assert stepped(True, accumulate) == pytest.approx([3 - 0.1 * 6 - 0.1 * 27, 0])


def test_other_updates_follow_each_other():
    middle = 3 - 0.1 * 6
    assert stepped(False) == pytest.approx([middle - 0.1 * 3 * middle**2, 0])


def test_an_error_within_leaves_no_update_waiting():
    model = nn.Linear(1, 1, bias=False)
    run = TrainingRun(model, {"G": torch.optim.SGD(model.parameters(), lr=0.1)})  # type: ignore[arg-type]
    run.begin(Progress(0, 1), 1.0)
    before = model.weight.item()

    def broken() -> None:
        with run.deferred():
            run.backward(model.weight.sum())
            run.update("G")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        broken()
    assert model.weight.item() == before
    run.backward(model.weight.sum())
    run.update("G")
    assert model.weight.item() == pytest.approx(before - 0.1)
