"""The loop: what it does when losses are not finite, when it is stopped, and with averages, accumulation and
precision.
"""

from __future__ import annotations

import signal

import pytest
import torch
from gantool_cyclegan import CycleGAN
from torch import nn

from gantool.errors import DivergedError, Interrupted, TimeLimitReached
from gantool.model import Roles
from gantool.runs import checkpoint, folders
from gantool.spec import Spec
from tests.training.helpers import SPEC, Toy, parameters, trainer

TINY = CycleGAN.Options(width=4, blocks=1, d_width=4, d_layers=1, pool=2)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("fused", [True, False])
def test_a_step_that_is_not_finite_changes_nothing(tmp_path, fused):
    poisoned = trainer(tmp_path, choices=Toy.Options(poison=(3,), fused=fused), steps=4)
    seen = {}
    poisoned.observer.on_step = lambda done: seen.update({done: parameters(poisoned.model)})
    poisoned.train()
    assert not same(seen[2], seen[3])
    assert same(seen[3], seen[4])  # batch norm's statistics, too
    assert poisoned.observer.skips == [(4, 1)]
    assert all(torch.isfinite(tensor).all() for tensor in seen[4].values())


def test_ten_in_a_row_end_the_run_and_leave_the_last_save(tmp_path):
    poisoned = trainer(tmp_path, choices=Toy.Options(poison=tuple(range(5, 99))), steps=99, save_every=5)
    with pytest.raises(DivergedError, match="step 15") as found:
        poisoned.train()
    assert found.value.exit_code == 6
    saves = folders.saves(tmp_path)
    assert [save.name for save in saves] == ["00000005", "00000010"]
    for save in saves:
        checkpoint.read(save / folders.WEIGHTS)


def test_nine_in_a_row_do_not_end_it(tmp_path):
    poisoned = trainer(tmp_path, choices=Toy.Options(poison=tuple(range(2, 11))), steps=14)
    poisoned.train()
    assert max(count for _, count in poisoned.observer.skips) == 9


def test_a_fake_that_is_not_finite_does_not_enter_the_pool(tmp_path):
    run = trainer(tmp_path, CycleGAN, TINY, steps=1, size=32)
    with torch.no_grad():
        next(run.model.g_ab.parameters()).fill_(float("nan"))
    before = parameters(run.model.d_b)
    run.train()
    assert same(before, parameters(run.model.d_b))
    assert all(torch.isfinite(image).all() for image in run.model.pool_b.images)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_and_saves(tmp_path, number, code):
    before = signal.getsignal(number)
    run = trainer(tmp_path, steps=50, save_every=50)
    run.observer.on_step = lambda done: signal.raise_signal(number) if done == 7 else None
    with pytest.raises(Interrupted) as found:
        run.train()
    assert found.value.exit_code == code
    assert run.observer.announced == run.observer.saves == [7]
    assert signal.getsignal(number) == before


def test_a_second_signal_ends_at_once(tmp_path):
    run = trainer(tmp_path, steps=50, save_every=50)

    seconds = [0.0]
    run.clock = lambda: seconds[0]

    def twice(done: int) -> None:
        signal.raise_signal(signal.SIGINT)
        seconds[0] += 2
        signal.raise_signal(signal.SIGINT)

    run.observer.on_step = twice
    with pytest.raises(SystemExit) as found:
        run.train()
    assert found.value.code == 130
    assert run.observer.saves == []


def test_the_time_limit_saves_and_says_so(tmp_path):
    run = trainer(tmp_path, steps=1000, time="10s")
    ticks = iter(range(10**6))
    run.clock = lambda: float(next(ticks))
    with pytest.raises(TimeLimitReached, match=r"Continue with resume$") as found:
        run.train()
    assert found.value.exit_code == 75
    assert run.observer.saves == [run.done]
    assert run.done < 10


def test_averages_follow_the_weights_and_are_what_is_saved_to_translate(tmp_path):
    run = trainer(tmp_path, steps=3)
    expected = parameters(run.model.network)
    steps = []
    run.observer.on_step = lambda done: steps.append(parameters(run.model.network))
    run.train()
    for now in steps:
        for name, value in now.items():
            averaged = name in dict(run.model.network.named_parameters())
            expected[name] = 0.5 * expected[name] + 0.5 * value if averaged else value
    _, weights = checkpoint.read(folders.save_folder(tmp_path, 3) / folders.WEIGHTS)
    for name, value in expected.items():
        torch.testing.assert_close(weights[f"network.{name}"], value)
    assert not torch.equal(weights["network.0.weight"], run.model.network[0].weight)


def test_resuming_restores_weights_averages_optimisers_and_dropout(tmp_path):
    straight = trainer(tmp_path / "straight", steps=8, save_every=4)
    straight.train()
    again = trainer(tmp_path / "again", steps=8)
    again.resume(folders.save_folder(tmp_path / "straight", 4))
    again.train()
    for name in (folders.WEIGHTS, folders.STATE):
        ours, theirs = (folders.save_folder(tmp_path / run, 8) / name for run in ("again", "straight"))
        assert ours.read_bytes() == theirs.read_bytes()


def test_accumulated_batches_give_the_gradients_of_one(tmp_path):
    results = []
    for settings in ({"batch": 2}, {"batch": 1, "accumulate": 2}):
        choices = CycleGAN.Options(width=4, blocks=1, d_width=4, d_layers=1, pool=0)
        model = checkpoint.build_model(
            CycleGAN, choices, trainer(tmp_path, CycleGAN, choices, size=32).model.spec
        ).double()
        run = trainer(tmp_path / str(settings["batch"]), CycleGAN, choices, steps=2, size=32, model=model, **settings)
        run.train()
        results.append(parameters(run.model))
    for name, value in results[0].items():
        if not name.endswith("bias"):  # a bias before a norm has no gradient but rounding, which Adam blows up
            torch.testing.assert_close(results[1][name], value, rtol=1e-9, atol=1e-10)


class Twice(Toy):
    """Updates its one optimiser two times in each step, as BicycleGAN and StarGAN v2 do."""

    averaged = ()

    def __init__(self, options: Toy.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        self.network = nn.Sequential(nn.Conv2d(3, 3, 3))

    def training_step(self, batch, run) -> None:
        for target in (0.5, -0.5):
            with run.phase("G"):
                loss = ((self.network(batch["A"]) - target) ** 2).mean()
                run.backward(loss)
                run.update("G")
        run.log(loss=loss)


def test_two_updates_of_one_optimiser_do_not_mix_their_gradients_when_batches_are_accumulated(tmp_path):
    """With a gradient that is linear in the batch, the updates of two batches of one are those of one batch of two,
    but for the second one's, which sees weights that have not moved yet: as in any accumulation."""
    seen = []
    for settings in ({"batch": 2}, {"batch": 1, "accumulate": 2}):
        model = checkpoint.build_model(Twice, Toy.Options(lr=1e-9), SPEC).double()  # so small that weights stay
        run = trainer(tmp_path / str(settings["batch"]), Twice, steps=1, model=model, **settings)
        gradients = []
        step = run.optimizers["G"].step
        run.optimizers["G"].step = lambda step=step, gradients=gradients, model=model: (
            gradients.append([p.grad.clone() for p in model.parameters()]),
            step(),
        )
        run.train()
        seen.append(gradients)
    one, two = seen
    assert len(one) == len(two) == 2
    for ours, theirs in zip(one, two, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)  # the weights moved by 1e-9


def test_averages_stay_where_a_step_is_not_applied(tmp_path):
    run = trainer(tmp_path, choices=Toy.Options(poison=(2,)), steps=3)
    seen = {}
    run.observer.on_step = lambda done: seen.update({done: parameters(run.averages.averages["network"])})
    run.train()
    # The observer sees the average as it is after the step.
    assert not same(seen[1], seen[2])
    assert same(seen[2], seen[3])


class Judged(Toy):
    """Has somebody else's network, which is never trained and never saved."""

    roles = Roles(frozen=("critic",))

    def __init__(self, options: Toy.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        self.critic = nn.Conv2d(3, 1, 1).requires_grad_(False)

    def prepare_training(self) -> None:
        self.critic.weight.data.fill_(2.0)


def test_a_frozen_network_is_filled_and_never_saved(tmp_path):
    run = trainer(tmp_path, Judged, steps=2)
    run.model.prepare_training()  # as a session does before it writes anything
    run.train()
    assert (run.model.critic.weight == 2).all()
    for name in (folders.WEIGHTS, folders.STATE):
        _, tensors = checkpoint.read(folders.save_folder(tmp_path, 2) / name)
        assert not any("critic" in key for key in tensors)
    again = trainer(tmp_path / "again", Judged, steps=3)
    again.model.prepare_training()
    again.resume(folders.save_folder(tmp_path, 2))
    again.train()


def test_only_the_phase_s_networks_need_gradients(tmp_path):
    run = trainer(tmp_path, CycleGAN, TINY, steps=1, size=32)
    model, tracked = run.model, {}
    forward = model.d_b.forward

    def watched(x):
        tracked.setdefault("weights", []).append(next(model.d_b.parameters()).requires_grad)
        tracked.setdefault("input", []).append(x.requires_grad)
        return forward(x)

    model.d_b.forward = watched
    run.train()
    assert tracked["weights"] == [False, True]
    assert tracked["input"] == [True, False]
    assert all(p.requires_grad for p in model.parameters())


def test_nothing_in_the_loop_waits_for_the_device(tmp_path, monkeypatch):
    run = trainer(tmp_path, CycleGAN, CycleGAN.Options(width=4, blocks=1, d_width=4, d_layers=1), steps=40, size=32)
    run.read_every = run.save_every = 20
    waits = []
    for name in ("item", "tolist", "__bool__", "__int__", "__float__"):
        original = getattr(torch.Tensor, name)

        def counted(tensor, *args, _name=name, _original=original, **kwargs):
            waits.append(_name)
            return _original(tensor, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, counted)
    per_step = []

    def look(done: int) -> None:
        per_step.append(len(waits))
        waits.clear()

    run.observer.on_step = look
    run._sample = run.save = lambda: None
    run.train()
    quiet = [count for step, count in enumerate(per_step, start=1) if step not in (1, 20, 40)]  # these report
    assert set(quiet) == {0}
