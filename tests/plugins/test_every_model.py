"""One suite for every installed model: a new plugin gets all of this by being registered.

What a plugin must bring for it: the presets `paper` and `smoke`, and `smoke` must be small.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

import gantool
from gantool import options, registry
from gantool.data.loader import batches, to_device
from gantool.data.transforms import Preparation
from gantool.errors import DataError, UsageError
from gantool.export.exporter import export_model
from gantool.model import Progress
from gantool.training import checkpoint, runs
from gantool.training.plan import Request, plan
from gantool.training.run import TrainingRun
from tests.conftest import draw, draw_ids

MODELS = sorted(registry.plugins())
pytestmark = pytest.mark.parametrize("name", MODELS, scope="module")


def folders(layout: str, root: Path) -> list[Path]:
    """Training pictures as the layout wants them. A new layout is added here."""
    if layout == "unpaired":
        return [draw(root / "trainA", 4, seed=1, size=80), draw(root / "trainB", 5, seed=2, size=80)]
    if layout == "paired":
        return [draw(root / "trainA", 5, seed=1, size=80), draw(root / "trainB", 5, seed=2, size=80)]
    if layout == "domains":
        return [draw(root / name, 4, seed=seed, size=80) for seed, name in enumerate(("red", "green", "blue"))]
    if layout == "labels":
        labels, instances = (draw_ids(root / name, 4, seed=1, size=80) for name in ("labels", "instances"))
        return [labels, draw(root / "images", 4, seed=2, size=80), instances]
    raise AssertionError(f"tests/plugins does not know how to make pictures for the layout {layout}")


def smoke(name: str, tmp_path: Path, **flags):
    """The plan of a smoke run of this model."""
    data = folders(registry.plugin(name).load().layout.name, tmp_path)
    return plan(Request(model=name, data=tuple(data), out=tmp_path / "run", preset="smoke", flags=flags))


def opened(decided):
    layout = decided.kind.layout_for(decided.options)
    return layout.open(decided.domains, decided.preparation, decided.spec.channels, seed=0, cache=None)


def built(decided, seed: int = 0):
    return checkpoint.build_model(decided.kind, decided.options, decided.spec, seed)


@pytest.fixture(scope="module")
def trained(name, tmp_path_factory) -> Path:
    """A run of this model, three steps long."""
    root = tmp_path_factory.mktemp(name)
    data = folders(registry.plugin(name).load().layout.name, root)
    return gantool.train(name, data, out=root / "run", preset="smoke", steps=3, workers=0)


def test_presets_and_options_are_complete(name, tmp_path):
    entry = registry.plugin(name)
    kind = entry.load()
    assert kind.paper
    assert {"paper", "smoke"} <= set(entry.presets())
    for preset in entry.presets():
        found = options.read_yaml(entry.presets()[preset])
        assert found["summary"], preset
        layout = kind.layout_for(options.restore(kind.Options, found.get("options", {}), where=name)).name
        decided = plan(Request(model=name, data=tuple(folders(layout, tmp_path)), preset=preset))
        assert decided.total_steps(10, world=1) >= 1
    assert all(row.help for row in options.describe(kind.Options))


def test_a_step_trains_every_network(name, tmp_path):
    decided = smoke(name, tmp_path)
    model = built(decided)
    before = {key: value.clone() for key, value in model.named_parameters()}
    run = TrainingRun(model, model.optimizers(), total_steps=10)
    dataset = opened(decided)
    stream = batches(dataset, batch=2, first=0)
    for step in range(6):  # StarGAN's generator moves at the fifth step
        run.begin(step, model.rate_factor(Progress(step, 10, 0.0)))
        for _ in run.batches():
            model.training_step(to_device(next(stream), torch.device("cpu")), run)
        run.end()
    losses = run.losses()
    assert losses
    assert np.isfinite(list(losses.values())).all()
    for network, child in model.named_children():
        free = [(key, p) for key, p in child.named_parameters() if p.requires_grad]
        moved = [not torch.equal(p, before[f"{network}.{key}"]) for key, p in free]
        assert not moved or any(moved), f"nothing trains {network}"
    optimised = {id(p) for o in model.optimizers().values() for group in o.param_groups for p in group["params"]}
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    assert optimised == trained, "a parameter that no optimiser knows"


def test_resuming_in_the_middle_gives_the_same_bytes(name, tmp_path):
    data = folders(registry.plugin(name).load().layout.name, tmp_path)
    more = {"preset": "smoke", "workers": 0, "steps": 4, "save_every": 2, "keep": 0}
    straight = gantool.train(name, data, out=tmp_path / "straight", **more)
    broken = tmp_path / "broken"
    (broken / runs.CHECKPOINTS).mkdir(parents=True)
    for file in (runs.SETTINGS,):
        (broken / file).write_bytes((straight / file).read_bytes())
    runs.save_folder(straight, 2).rename(runs.save_folder(broken, 2))
    gantool.train(name, data, out=broken, resume=True, **more)
    for file in (runs.WEIGHTS, runs.STATE):
        ours, theirs = (runs.save_folder(run, 4) / file for run in (broken, straight))
        assert ours.read_bytes() == theirs.read_bytes()


def test_weights_alone_translate_and_say_what_they_are(name, trained, tmp_path):
    alone = tmp_path / "w.safetensors"
    alone.write_bytes((runs.saves(trained)[-1] / runs.WEIGHTS).read_bytes())
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 41, 3), dtype=np.uint8))
    one, other = (gantool.load(path, device="cpu").translate(picture, to="B") for path in (alone, trained))
    assert one.tobytes() == other.tobytes()
    metadata = gantool.load(alone, device="cpu").header.metadata
    assert (metadata["model"], metadata["step"]) == (name, 3)
    assert json.dumps(metadata)


def test_any_size_in_is_the_size_out(name, trained):
    translator = gantool.load(trained, device="cpu")
    for width, height in ((33, 97), (64, 64), (97, 34), (71, 33), (5, 3), (1, 1), (64, 35)):
        pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
        for _, target in translator.engine.model.directions()[:3]:
            exact = translator.engine.model.sizes.exact
            if exact is not None and (width, height) != (exact, exact):
                with pytest.raises(DataError, match=f"--size {exact}"):
                    translator.translate(Image.fromarray(pixels), to=target)
            else:
                assert translator.translate(Image.fromarray(pixels), to=target).size == (width, height)


def test_translation_is_repeatable_and_leaves_the_model_alone(name, trained):
    translator = gantool.load(trained, device="cpu")
    state = {key: value.clone() for key, value in translator.engine.model.state_dict().items()}
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 44, 3), dtype=np.uint8))
    assert translator.translate(picture, "B", seed=3).tobytes() == translator.translate(picture, "B", seed=3).tobytes()
    assert all(torch.equal(value, state[key]) for key, value in translator.engine.model.state_dict().items())


def test_the_last_sample_is_what_translate_makes(name, trained):
    """Training's samples and `translate` are one code path: the pictures of the grid come back byte for byte."""
    sheet = np.asarray(Image.open(sorted((trained / "samples").glob("*.png"))[-1]).convert("RGB"))
    translator = gantool.load(trained, device="cpu")
    facts = translator.header.metadata["preparation"]
    decided = plan(Request(model=None, config=trained / runs.SETTINGS, out=trained.parent / "unused"))
    assert decided.preparation == Preparation(**facts)
    source, target = translator.engine.model.directions()[0]
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
def test_constant_pictures_leave_training_as_it_was(name, precision, bound, tmp_path):
    """In half precision, where norms do not take a constant to exactly 0 and multiply gradients in a chain, and in
    single precision.

    What stays of such a step is in Adam's second moments: 10^6 times as large ones would stop training for good.
    """
    decided = smoke(name, tmp_path)
    largest = []
    for change in (None, blank, one_pixel):
        torch.manual_seed(0)
        model = built(decided)
        run = TrainingRun(model, model.optimizers(), total_steps=10, precision=precision)
        following = batches(opened(decided), batch=2, first=0)
        for step in range(2):
            batch = next(following)
            if change is not None and step == 1:
                batch = {key: change(x) if x.dtype == torch.uint8 else x for key, x in batch.items()}
            run.begin(step, 1.0)
            for _ in run.batches():
                model.training_step(to_device(batch, torch.device("cpu")), run)
            run.end()
        assert run.skipped_in_a_row() == 0
        assert all(torch.isfinite(p).all() for p in model.parameters())
        moments = [s["exp_avg_sq"].max().item() for o in run.optimizers.values() for s in o.state.values()]
        largest.append(max(moments))
    assert largest[1] < bound * largest[0]
    assert largest[2] < 1000 * largest[0]


def test_export_agrees_in_onnxruntime(name, trained, tmp_path):
    out = tmp_path / "model.onnx"
    _, model = checkpoint.load_model(runs.saves(trained)[-1] / runs.WEIGHTS)
    source, target = model.directions()[0]
    export_model(runs.saves(trained)[-1] / runs.WEIGHTS, out, to=target, image_io=False)
    height, width = model.sizes.fit(*((model.sizes.exact,) * 2 if model.sizes.exact else (37, 61)))
    images = torch.rand(3, model.spec.channels[model.spec.index(source)], height, width) * 2 - 1
    style = torch.cat([model.random_style(target, torch.Generator().manual_seed(k)) for k in range(3)]).detach()
    with torch.no_grad():
        expected = model.translate(images, source=source, target=target, style=style if model.style_size else None)
    session = onnxruntime.InferenceSession(str(out))
    given = {"image": images.numpy()}
    if model.style_size:
        given["style"] = style.numpy()
    if model.label_names:
        given["label"] = model.target_label(images, target=target).numpy()
    found = session.run(None, given)[0]
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=0, atol=1e-4)


def test_a_style_code_decides_the_result_alone(name, trained):
    """The same code gives the same picture, whoever shares its batch."""
    translator = gantool.load(trained, device="cpu")
    engine, model = translator.engine, translator.engine.model
    if not model.style_size:
        with pytest.raises(UsageError, match="leave out style"):
            translator.translate(Image.new("RGB", (40, 40)), to="B", style="mean")
        return
    source, target = model.directions()[0]
    side = model.sizes.exact or model.sizes.fit(40, 40)[0]
    pixels = np.random.default_rng(0).integers(0, 256, (2, side, side, engine.channels(source)), dtype=np.uint8)
    codes = torch.cat([engine.random_style(target, seed) for seed in (1, 2)])
    assert torch.equal(codes[:1], engine.random_style(target, 1))
    assert not torch.equal(codes[0], codes[1])
    ways = {"source": source, "target": target}
    both = engine.translate(list(pixels), styles=codes, **ways)
    for one, code, made in zip(pixels, codes, both, strict=True):
        alone = engine.translate([one], styles=code[None], **ways)[0]
        assert np.abs(alone.astype(int) - made).max() <= 1  # another batch, another order of sums


def test_it_reads_the_authors_files_or_says_that_it_does_not(name):
    """Importing itself is tested with each model's own files, in tests/importing."""
    kind = registry.plugin(name).load()
    assert kind.from_official({"nothing.pth": {"no.such.key": torch.zeros(1)}}) is None


def test_it_has_a_page(name):
    pages = Path(__file__).parents[2] / "docs" / "models"
    assert (pages / f"{name}.md").is_file()
    text = "".join(page.read_text(encoding="utf-8") for page in pages.rglob(f"{name}.md"))
    for row in options.describe(registry.plugin(name).load().Options):
        assert f"`{row.name}`" in text, f"docs/models does not explain the option {row.name}"
