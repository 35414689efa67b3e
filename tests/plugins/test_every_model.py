"""One suite for every installed model: a new plugin gets all of this by being registered.

What a plugin must bring for it: the presets `paper` and `smoke`, and `smoke` must be small.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

import gantool
from gantool import options, registry
from gantool.capabilities import abilities
from gantool.data.dataset import Recipe
from gantool.data.loader import batches, to_device
from gantool.data.transforms import Preparation
from gantool.errors import DataError, UsageError
from gantool.export import session as export
from gantool.model import Progress
from gantool.runs import checkpoint, folders
from gantool.training.request import Plan, Request, plan
from gantool.training.run import TrainingRun
from tests.conftest import layout

MODELS = sorted(registry.plugins())
pytestmark = pytest.mark.parametrize("name", MODELS, scope="module")


@pytest.fixture
def smoke(name, pictures_of, tmp_path) -> Plan:
    """The plan of a smoke run of this model."""
    data = pictures_of(layout(name, "smoke", {}))
    return plan(Request(model=name, data=tuple(data), out=tmp_path / "run", preset="smoke"))


@pytest.fixture
def run(name, trained) -> Path:
    """A run of this model, four steps long."""
    return trained(name)


def opened(decided):
    return decided.data.layout.open(decided.domains, Recipe(decided.preparation, decided.spec.channels, 0))


def built(decided, seed: int = 0):
    return checkpoint.build_model(decided.kind, decided.options, decided.spec, seed)


def test_presets_and_options_are_complete(name, pictures_of):
    entry = registry.plugin(name)
    kind = entry.load()
    assert kind.paper
    assert {"paper", "smoke"} <= set(entry.presets())
    lengths = {}
    for preset in entry.presets():
        found = options.read_yaml(entry.presets()[preset])
        assert found["summary"], preset
        data = tuple(pictures_of(layout(name, preset, {})))
        lengths[preset] = plan(Request(model=name, data=data, preset=preset)).total_steps(1000, world=1)
    assert lengths.pop("smoke") <= 20, "smoke takes seconds"
    assert all(steps >= 100 for steps in lengths.values()), "the others say how long they train"
    assert all(row.help for row in options.describe(kind.Options))


def test_every_parameter_learns(name, smoke):
    model = built(smoke)
    free = {key: p for key, p in model.named_parameters() if p.requires_grad}
    before = {key: value.detach().clone() for key, value in free.items()}
    felt = set()

    def notes_gradient(key: str):
        return lambda p: felt.add(key) if p.grad.any() else None

    for key, p in free.items():
        p.register_post_accumulate_grad_hook(notes_gradient(key))
    run = TrainingRun(model, model.optimizers())
    stream = batches(opened(smoke), batch=2, first=0)
    for step in range(6):  # StarGAN's generator moves at the fifth step
        now = Progress(step, 10, pass_steps=2.0)
        run.begin(now, model.rate_factor(now))
        for _ in run.batches():
            model.training_step(to_device(next(stream), torch.device("cpu")), run)
        run.end()
    losses = run.losses()
    assert losses
    assert np.isfinite(list(losses.values())).all()
    moved = {key for key, p in free.items() if not torch.equal(p, before[key])}
    assert moved == felt, "what has a gradient learns"
    still = {key for key in set(free) - felt if not key.endswith("bias")}  # a bias before a norm has no gradient
    assert not still, "no loss reaches them"
    optimised = {id(p) for o in model.optimizers().values() for group in o.param_groups for p in group["params"]}
    assert optimised == {id(p) for p in model.parameters() if p.requires_grad}, "a parameter that no optimiser knows"


def test_resuming_in_the_middle_gives_the_same_bytes(name, run, tmp_path):
    broken = tmp_path / "broken"
    (broken / folders.CHECKPOINTS).mkdir(parents=True)
    shutil.copy(run / folders.SETTINGS, broken)
    shutil.copytree(folders.save_folder(run, 2), folders.save_folder(broken, 2))
    gantool.train(name, out=broken, resume=True)
    for file in (folders.WEIGHTS, folders.STATE):
        ours, theirs = (folders.save_folder(run, 4) / file for run in (broken, run))
        assert ours.read_bytes() == theirs.read_bytes()


def test_weights_alone_translate_and_say_what_they_are(name, run, tmp_path):
    alone = tmp_path / "w.safetensors"
    alone.write_bytes((folders.saves(run)[-1] / folders.WEIGHTS).read_bytes())
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 41, 3), dtype=np.uint8))
    one, other = (gantool.load(path, device="cpu").translate(picture, to="B") for path in (alone, run))
    assert one.tobytes() == other.tobytes()
    facts = gantool.load(alone, device="cpu").facts
    assert (facts.model, facts.step) == (name, 4)
    assert json.dumps(facts.as_json())


def test_any_size_in_is_the_size_out(name, run):
    translator = gantool.load(run, device="cpu")
    for width, height in ((33, 97), (64, 64), (97, 34), (71, 33), (5, 3), (1, 1), (64, 35)):
        pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
        for _, target in translator.facts.directions[:3]:
            exact = translator.facts.sizes.exact
            if exact is not None and (width, height) != (exact, exact):
                with pytest.raises(DataError, match=f"size={exact}"):
                    translator.translate(Image.fromarray(pixels), to=target)
            else:
                assert translator.translate(Image.fromarray(pixels), to=target).size == (width, height)


def test_translation_is_repeatable_and_leaves_the_model_alone(name, run):
    translator = gantool.load(run, device="cpu")
    state = {key: value.clone() for key, value in translator.engine.model.state_dict().items()}
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 44, 3), dtype=np.uint8))
    assert translator.translate(picture, "B", seed=3).tobytes() == translator.translate(picture, "B", seed=3).tobytes()
    assert all(torch.equal(value, state[key]) for key, value in translator.engine.model.state_dict().items())


def test_the_last_sample_is_what_translate_makes(name, run, tmp_path):
    """Training's samples and `translate` are one code path: the pictures of the grid come back byte for byte."""
    sheet = np.asarray(Image.open(sorted((run / "samples").glob("*.png"))[-1]).convert("RGB"))
    translator = gantool.load(run, device="cpu")
    decided = plan(Request(model=None, config=run / folders.SETTINGS, out=tmp_path / "unused"))
    assert decided.preparation == Preparation(**translator.facts.preparation)
    source, target = translator.facts.directions[0]
    picture = opened(decided).samples(4)[source][0]
    made = np.asarray(translator.translate(Image.fromarray(picture.squeeze()), to=target).convert("RGB"))
    height, width = made.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (height, width, 3))[:, :, 0]
    assert (windows == made).all(axis=(2, 3, 4)).any()


def blank(x: torch.Tensor) -> torch.Tensor:
    return torch.full_like(x, 200)


def one_pixel(x: torch.Tensor) -> torch.Tensor:
    """Blank but for one value that is one level off: half precision rounds that to a constant, in some layer."""
    pictures = blank(x)
    pictures.flatten(1)[:, 500] += 1
    return pictures


# Up to 1000 there is nothing to cut. Patch discriminators pad with zeros: of a blank picture their first bias sees the
# border alone, and gets 20 times as large gradients by the mathematics (CycleGAN's ratio is 460 in double precision,
# too). A single value in bfloat16 is a signal of two digits (162). What a chain of norms makes is 10^11 and more.
@pytest.mark.parametrize(("precision", "bound"), [("bf16", 100), ("fp32", 1000)])
def test_constant_pictures_leave_training_as_it_was(name, precision, bound, smoke):
    """In half precision, where norms do not take a constant to exactly 0 and multiply gradients in a chain, and in
    single precision.

    What stays of such a step is in Adam's second moments: 10^6 times as large ones would stop training for good.
    """
    largest = []
    for change in (None, blank, one_pixel):
        torch.manual_seed(0)
        model = built(smoke)
        run = TrainingRun(model, model.optimizers(), precision=precision)
        following = batches(opened(smoke), batch=2, first=0)
        for step in range(2):
            batch = next(following)
            if change is not None and step == 1:
                batch = {key: change(x) if x.dtype == torch.uint8 else x for key, x in batch.items()}
            run.begin(Progress(step, 10), 1.0)
            for _ in run.batches():
                model.training_step(to_device(batch, torch.device("cpu")), run)
            run.end()
        assert run.skipped_in_a_row() == 0
        assert all(torch.isfinite(p).all() for p in model.parameters())
        moments = [s["exp_avg_sq"].max().item() for o in run.optimizers.values() for s in o.state.values()]
        largest.append(max(moments))
    assert largest[1] < bound * largest[0]
    assert largest[2] < 1000 * largest[0]


def test_export_agrees_in_onnxruntime(name, run, tmp_path):
    weights, out = folders.saves(run)[-1] / folders.WEIGHTS, tmp_path / "model.onnx"
    facts, model = checkpoint.load_model(weights)
    direction = facts.directions[0]
    source, target = map(facts.spec.index, direction)
    export.start(export.plan(export.Request(weights=weights, out=out, to=direction.target)))
    height, width = facts.sizes.fit(*((facts.sizes.exact,) * 2 if facts.sizes.exact else (37, 61)))
    images = torch.rand(3, facts.spec.channels[source], height, width) * 2 - 1
    given, more = {"image": images.numpy()}, {}
    with torch.no_grad():
        if "code" in facts.can:
            generators = [torch.Generator().manual_seed(k) for k in range(3)]
            more["code"] = torch.cat([model.random_code(target, generator) for generator in generators])
            given["style"] = more["code"].numpy()
        if "condition" in facts.can:
            more["condition"] = model.condition(direction.target, images)
            given["label"] = more["condition"].numpy()
        expected = model.translate(images, source=source, target=target, **more)
    found = onnxruntime.InferenceSession(str(out)).run(None, given)[0]
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=0, atol=1e-4)


def test_a_style_code_decides_the_result_alone(name, run):
    """The same code gives the same picture, whoever shares its batch."""
    translator = gantool.load(run, device="cpu")
    engine, facts = translator.engine, translator.facts
    if "code" not in facts.can:
        with pytest.raises(UsageError, match="leave out style"):
            translator.translate(Image.new("RGB", (40, 40)), to="B", style="mean")
        return
    direction = facts.directions[0]
    side = facts.sizes.exact or facts.sizes.fit(40, 40)[0]
    shape = (2, side, side, engine.channels(direction.source))
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    codes = torch.cat([engine.random_code(direction.target, seed) for seed in (1, 2)])
    assert torch.equal(codes[:1], engine.random_code(direction.target, 1))
    assert not torch.equal(codes[0], codes[1])
    both = engine.translate(list(pixels), direction, codes=codes)
    for one, code, made in zip(pixels, codes, both, strict=True):
        alone = engine.translate([one], direction, codes=code[None])[0]
        assert np.abs(alone.astype(int) - made).max() <= 1  # another batch, another order of sums


def test_what_it_can_do_stands_in_its_header(name, run):
    facts, model = checkpoint.load_model(folders.saves(run)[-1] / folders.WEIGHTS)
    assert facts.can == abilities(model)
    assert facts.code_size == (model.code_size if "code" in facts.can else 0)


def test_it_reads_the_authors_files_or_says_that_it_does_not(name):
    """Importing itself is tested with each model's own files, in tests/importing."""
    recognise = registry.plugin(name).importer()
    assert recognise is None or recognise({"nothing.pth": {"no.such.key": torch.zeros(1)}}) is None


def test_it_has_a_page(name):
    pages = Path(__file__).parents[2] / "docs" / "models"
    assert (pages / f"{name}.md").is_file()
    text = "".join(page.read_text(encoding="utf-8") for page in pages.rglob(f"{name}.md"))
    for row in options.describe(registry.plugin(name).load().Options):
        assert f"`{row.name}`" in text, f"docs/models does not explain the option {row.name}"
