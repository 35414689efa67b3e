"""`ema` in every translator that has it: what translates is averaged, when it has learned."""

from __future__ import annotations

from contextlib import closing

import pytest
import torch

from gantool import registry
from gantool.capabilities import Averaged
from gantool.checking.practice import begun, trained_steps
from gantool.errors import UsageError
from gantool.model import Progress
from gantool.options import restore
from gantool.runs.checkpoint import part
from gantool.runs.skeleton import skeleton
from gantool.training import request
from gantool.training.run import TrainingRun
from tests.conftest import data_of

NAMES = (
    *("aggan", "bicyclegan", "cartoongan", "cut", "cyclegan", "discogan", "drit", "dualgan", "munit"),
    *("pix2pix", "pix2pixhd", "stargan", "ugatit", "unit"),
)

ATTENTION_ALONE = ("d_a", "d_b", "local_a", "local_b")
"""U-GAT-IT saves its discriminators to show where they look."""


@pytest.mark.parametrize("name", NAMES)
def test_all_that_is_saved_to_translate_is_averaged(name):
    kind = registry.plugin(name).load()
    for ema, averaged in ((0.0, False), (0.9, True)):
        options = restore(kind.Options, {"ema": ema}, where=name)
        model = skeleton(kind, options, kind.data(options).spec(("A", "B"), 256), tensors=1000)
        others = {*model.roles.training_only, *model.roles.frozen, *ATTENTION_ALONE}
        translate = {part(key) for key in model.state_dict()} - others
        assert set(model.averaged) == (translate if averaged else set())


@pytest.mark.parametrize("name", [*NAMES, "biggan", "dcgan", "starganv2", "wgan"])
def test_an_average_that_would_never_move_is_refused(name):
    with pytest.raises(UsageError, match=r"ema must be at least 0, below 1, not 1\.0"):
        restore(registry.plugin(name).load().Options, {"ema": 1}, where=name)


def test_without_a_way_back_discogan_averages_one_generator():
    kind = registry.plugin("discogan").load()
    options = restore(kind.Options, {"ema": 0.9, "both_ways": False}, where="discogan")
    assert skeleton(kind, options, kind.data(options).spec(("A", "B"), 64), tensors=1000).averaged == ("g_ab",)


@pytest.mark.parametrize(
    ("name", "chosen"),
    [("stargan", {"n_critic": 2}), ("discogan", {}), ("dualgan", {"n_critic": 2})],
)
def test_an_average_waits_while_the_generators_do(name, chosen, pictures_of, tmp_path):
    data, given = tuple(pictures_of(data_of(name))), {"ema": 0.9, **chosen}
    plan = request.plan(request.Request(model=name, data=data, out=tmp_path, preset="smoke", set=given))
    model = begun(plan)
    assert isinstance(model, Averaged)
    learned = {p for network in model.averaged for p in model.get_submodule(network).parameters()}
    run = TrainingRun(model, model.optimizers())
    before, waited = [p.detach().clone() for p in learned], []
    with closing(trained_steps(plan, run, 4)) as steps:
        for _ in steps:
            moved = any(not torch.equal(p, old) for p, old in zip(learned, before, strict=True))
            before = [p.detach().clone() for p in learned]
            assert moved == (model.average_decay(run.now) < 1)
            waited.append(not moved)
    assert any(waited)
    assert not all(waited)


def test_drit_s_average_waits_for_a_full_step():
    kind = registry.plugin("drit").load()
    options = restore(kind.Options, {"ema": 0.9}, where="drit")
    model = skeleton(kind, options, kind.data(options).spec(("A", "B"), 256), tensors=1000)
    steps = [Progress(step, 900, pass_steps=90.0) for step in (300, 301, 302)]
    assert [model.average_decay(now) for now in steps] == [1 if not model.is_full_step(now) else 0.9 for now in steps]
    assert sum(map(model.is_full_step, steps)) == 1
