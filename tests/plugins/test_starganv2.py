"""What StarGAN v2 does beyond the suite of every model: its step, its styles, its masks and its sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from gantool_starganv2 import MEAN_OF, StarGANv2
from gantool_starganv2.face import FAN
from gantool_starganv2.networks import Content
from torch import Tensor

import gantool
from gantool.errors import CheckpointError, UsageError
from gantool.export import session as export
from gantool.model import Progress
from gantool.runs import checkpoint, folders
from gantool.spec import Pictures, Spec
from gantool.training.run import TrainingRun
from tests.conftest import draw
from tests.runs import save

SMALL = {"width": 4, "max_width": 8, "style_dim": 6, "latent_dim": 3, "mapping_width": 8}
NAMES = ("cat", "dog", "wild")


def build(size: int = 32, domains: int = 3, seed: int = 0, **options: Any) -> StarGANv2:
    torch.manual_seed(seed)
    return StarGANv2(StarGANv2.Options(**SMALL | options), Spec(NAMES[:domains], (Pictures(),) * domains, size))


def batch(labels: list[int], targets: list[int], size: int = 32, seed: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def images() -> Tensor:
        return torch.rand(len(labels), 3, size, size, generator=generator) * 2 - 1

    return {
        "image": images(),
        "label": torch.tensor(labels),
        "reference": images(),
        "reference2": images(),
        "target": torch.tensor(targets),
    }


def step(model: StarGANv2, inputs: dict[str, Tensor], run: TrainingRun | None = None, number: int = 0) -> TrainingRun:
    run = run or TrainingRun(model, model.optimizers())
    run.begin(Progress(number, 1), 1.0)
    for _ in run.batches():
        model.training_step(inputs, run)
    run.end()
    assert run.skipped_in_a_row() == 0
    return run


def by_the_book(model: StarGANv2, inputs: dict[str, Tensor], adams: dict[str, Any], codes: list[Tensor], weight: float):
    """Section 4 of the authors' procedure, line by line, with torch's plain Adam and everything in its own pass."""
    g, f, e, d, o = model.generator, model.mapping_network, model.style_encoder, model.discriminator, model.options
    x, y, y_trg = inputs["image"], inputs["label"], inputs["target"]
    x_ref, x_ref2 = inputs["reference"], inputs["reference2"]
    z, z2 = codes

    def clear() -> None:
        for adam in adams.values():
            adam.zero_grad()

    for style in (lambda: f(z, y_trg), lambda: e(x_ref, y_trg)):
        real = x.clone().requires_grad_()
        logits = d(real, y)
        (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
        r1 = 0.5 * (slope**2).sum((1, 2, 3)).mean()
        fake_logits = d(g(x, style()).detach(), y_trg)
        loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        loss = loss + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(logits)) + o.r1 * r1
        clear()
        loss.backward()
        adams["D"].step()
    for styles, stepping in (
        (lambda: (f(z, y_trg), f(z2, y_trg)), "GFE"),
        (lambda: (e(x_ref, y_trg), e(x_ref2, y_trg)), "G"),
    ):
        s, s2 = styles()
        fake = g(x, s)
        logits = d(fake, y_trg)
        loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        loss = loss + o.style * (e(fake, y_trg) - s).abs().mean()
        loss = loss - weight * (fake - g(x, s2).detach()).abs().mean()
        loss = loss + o.cycle * (g(fake, e(x, y)) - x).abs().mean()
        clear()
        loss.backward()
        for name in stepping:
            adams[name].step()


def test_a_step_is_the_four_updates_of_the_paper_in_double_precision():
    options = {"r1": 30.0, "style": 0.7, "cycle": 1.3, "diversity": 2.0, "diversity_steps": 3, "lr": 1e-3}
    ours, book = build(**options).double(), build(**options).double()
    o = ours.options
    rates = {"G": o.lr, "F": o.mapping_lr, "E": o.lr, "D": o.lr}
    parts = {"G": book.generator, "F": book.mapping_network, "E": book.style_encoder, "D": book.discriminator}
    adams = {
        name: torch.optim.Adam(parts[name].parameters(), rate, (0.0, 0.99), weight_decay=1e-4)
        for name, rate in rates.items()
    }
    run = TrainingRun(ours, ours.optimizers())
    for number, weight in enumerate((2.0, 4 / 3)):
        inputs = {k: v.double() if v.is_floating_point() else v for k, v in batch([0, 1], [2, 0], seed=number).items()}
        run.begin(Progress(number, 1), 1.0)
        codes = [run.randn(2, 3), run.randn(2, 3)]  # a step draws the same ones after the same `begin`
        by_the_book(book, inputs, adams, [code.double() for code in codes], weight)
        drawn = iter(codes)
        run.randn = lambda *shape, drawn=drawn: next(drawn).double()  # type: ignore[method-assign]
        step(ours, inputs, run, number)
        del run.randn
    for (name, mine), theirs in zip(ours.named_parameters(), book.parameters(), strict=True):
        # G's convolutions reach nothing but instance norms: their biases have no gradient but rounding noise.
        if not (name.startswith("generator.") and name.endswith(("conv1.bias", "conv2.bias", "from_rgb.bias"))):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12, msg=name)


def test_heads_of_absent_domains_shrink_and_unused_convolutions_do_not():
    model = build(w_hpf=1.0, lr=1e-3, mapping_lr=1e-3, weight_decay=0.1)
    model.masks = lambda images: (torch.ones(2, 1, 256, 256), torch.ones(2, 1, 256, 256))  # type: ignore[method-assign]
    absent = {
        "mapping_network.unshared.2.6.weight": model.mapping_network.unshared[2][6].weight,
        "style_encoder.unshared.2.weight": model.style_encoder.unshared[2].weight,
        "discriminator.main.7.weight": model.discriminator.main[7].weight[2:],
    }
    unused = [p for name, p in model.generator.named_parameters() if name.startswith("decode") and "conv1x1" in name]
    assert unused
    before = {name: value.detach().clone() for name, value in absent.items()}
    kept = [p.detach().clone() for p in unused]
    step(model, batch([0, 1], [1, 0]))
    for name, value in absent.items():
        moved = value.detach() - before[name]
        large = before[name].abs() > 0.01
        assert (moved.sign() == -before[name].sign())[large].all(), name
    assert all(torch.equal(p, q) for p, q in zip(unused, kept, strict=True))


def test_masks_come_from_the_picture_that_goes_into_the_generator():
    model, inputs = build(w_hpf=1.0), batch([0], [1])
    seen: list[Tensor] = []
    passes: list[tuple[Tensor, Tensor]] = []

    def masks(images: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(images.detach())
        return torch.full((1, 1, 256, 256), float(len(seen))), torch.zeros(1, 1, 256, 256)

    model.masks = masks  # type: ignore[method-assign]
    contents: list[tuple[Content, Tensor]] = []

    def passed(_: object, given: tuple[Any, ...], made: Any) -> None:
        first = given[0]
        if isinstance(made, Content):
            contents.append((made, first))
            return
        images = first if isinstance(first, Tensor) else next(x for content, x in contents if content is first)
        passes.append((images.detach(), given[2][0]))

    model.generator.register_forward_hook(passed)
    step(model, inputs)
    assert len(seen) == 3  # of the real picture once, of the fakes of both updates of G
    assert len(passes) == 2 + 3 + 3
    assert len(contents) == 2  # once for each state of the generator
    assert all(torch.equal(image, seen[int(mask.max()) - 1]) for image, mask in passes)


def test_the_weight_of_the_diversity_depends_on_the_step_alone():
    model = build(diversity=2.0, diversity_steps=4)
    weights = [model.diversity_weight(Progress(step, 100)) for step in (0, 1, 3, 4, 5, 99)]
    assert weights == [2.0, 1.5, 0.5, 0.0, 0.0, 0.0]
    whole = build(diversity=1.0)
    assert [whole.diversity_weight(Progress(step, 10)) for step in (0, 5, 10)] == [1.0, 0.5, 0.0]


def test_the_gradient_penalty_is_as_exact_in_half_precision():
    inputs = batch([0, 1], [2, 0])
    values = []
    for precision in ("fp32", "bf16"):
        model = build()
        run = TrainingRun(model, model.optimizers(), precision=precision)
        logged: dict[str, Tensor] = {}
        run.log = lambda into=logged, **losses: into.update(losses)  # type: ignore[method-assign]
        step(model, inputs, run)
        assert all(loss.dtype == torch.float32 for loss in logged.values())
        values.append(logged)
    torch.testing.assert_close(values[1]["d_latent_r1"], values[0]["d_latent_r1"], rtol=1e-6, atol=0)
    torch.testing.assert_close(values[1]["g_latent_cycle"], values[0]["g_latent_cycle"], rtol=0.05, atol=0)


def test_styles_come_from_codes_and_from_pictures():
    model = build().eval()
    assert model.code_size == 6
    with torch.no_grad():
        first, again = (model.random_code(1, torch.Generator().manual_seed(7)) for _ in range(2))
        assert first.shape == (1, 6)
        assert torch.equal(first, again)
        z = torch.randn(1, 3, generator=torch.Generator().manual_seed(7))
        assert torch.equal(first, model.mapping_network(z, torch.tensor([1])))
        assert not torch.equal(first, model.random_code(0, torch.Generator().manual_seed(7)))

        assert torch.equal(model.mean_code(1), model.mean_code(1))
        many = torch.randn(MEAN_OF, 3, generator=torch.Generator().manual_seed(99))
        mean = model.mapping_network(many, torch.ones(MEAN_OF, dtype=torch.int64)).mean(0, keepdim=True)
        torch.testing.assert_close(model.mean_code(1), mean, rtol=0, atol=0.03)

        x = batch([0, 1], [0, 0])["image"]
        expected = model.style_encoder(x, torch.tensor([2, 2]))
        torch.testing.assert_close(model.encode(x, domain=2), expected)
        large = x.repeat_interleave(2, 2).repeat_interleave(3, 3)  # any size is brought to that of training
        assert model.encode(large, domain=2).shape == (2, 6)
        assert (model.encode(large, domain=2) - expected).abs().max() < 0.5 * expected.abs().max()


def test_a_translation_depends_on_the_style_and_not_on_the_source():
    model = build().eval()
    x = batch([0, 1], [0, 0])["image"]
    with torch.no_grad():
        code = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
        a = model.translate(x, source=0, target=1, code=code)
        assert torch.equal(a, model.translate(x, source=2, target=1, code=code))
        assert not torch.equal(a, model.translate(x, source=0, target=1, code=code + 1))
        assert a.abs().max() <= 1
        assert model.translate(x[..., :48], source=0, target=1, code=code).shape == (2, 3, 32, 32)
    assert len(model.directions()) == 6


@pytest.mark.parametrize(("size", "w_hpf"), [(48, 0.0), (16, 0.0), (8, 1.0), (255, 1.0)])
def test_sizes_that_the_networks_cannot_be_built_for(size: int, w_hpf: float):
    with pytest.raises(UsageError, match=rf"power of two, at least \d+, not {size}: crop=256"):
        build(size=size, w_hpf=w_hpf)


def test_sizes_of_pictures_follow_from_the_size_of_training():
    assert build(size=64).sizes.fit(30, 65) == (32, 68)
    assert build(size=32).sizes.fit(1, 1) == (4, 4)
    assert build(size=64).crops.exact == 64
    with_masks = build(size=64, w_hpf=1.0)
    assert with_masks.sizes.exact == 64


def test_pictures_that_are_not_cropped_are_refused_in_words():
    with pytest.raises(UsageError, match=r"squares of one size, here 32, .* 32x40: .* preprocess=resize_and_crop"):
        step(build(), {k: F.pad(v, (0, 0, 0, 8)) if v.dim() == 4 else v for k, v in batch([0], [1]).items()})


@pytest.fixture(scope="module")
def wing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face network's file as it is handed around: its state dict, and more."""
    torch.manual_seed(0)
    fan = FAN()
    for module in fan.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var += 0.5
    path = tmp_path_factory.mktemp("wing") / "wing.ckpt"
    torch.save({"state_dict": {**fan.state_dict(), "m1.spare": torch.zeros(1)}}, path)
    return path


def test_masks_come_with_the_weights_and_need_no_flag(wing: Path, tmp_path: Path):
    trained = build(w_hpf=1.0, fan=str(wing))
    trained.prepare_training()
    theirs = torch.load(wing)["state_dict"]
    assert all(torch.equal(value, theirs[key]) for key, value in trained.fan.state_dict().items())
    inputs = batch([0], [1])
    step(trained, inputs)
    assert all(torch.equal(value, theirs[key]) for key, value in trained.fan.state_dict().items())

    tensors, _ = checkpoint.parted(trained, trained.state_dict())
    checkpoint.save(tmp_path / "1", checkpoint.facts_of_model(trained, "starganv2", 1, {}), weights=tensors, state={})
    weights = tmp_path / "1" / folders.WEIGHTS
    wing.rename(wing.with_suffix(".moved"))
    _, model = checkpoint.load_model(weights)
    x, code = inputs["image"], torch.ones(1, 6)
    with torch.no_grad():
        masks = model.masks(x)
        assert masks is not None
        assert all(mask.shape == (1, 1, 256, 256) and mask.min() >= 0 and mask.max() <= 1 for mask in masks)
        with_masks = model.translate(x, source=0, target=1, code=code)
        assert torch.equal(with_masks, model.generator(x, code, masks).clamp(-1, 1))
        assert not torch.equal(with_masks, model.generator(x, code).clamp(-1, 1))
    assert not any(p.requires_grad for p in model.train().fan.parameters())
    assert not any(module.training for module in model.fan.modules())
    # The next training finds the face network in these weights.
    again = build(w_hpf=1.0, fan=str(weights))
    again.prepare_training()
    assert torch.equal(again.fan.l0.weight, theirs["l0.weight"])


def test_face_networks_that_are_missing(tmp_path: Path):
    data = [draw(tmp_path / name, 1, seed=seed, size=40) for seed, name in enumerate(NAMES)]
    with pytest.raises(UsageError, match=r"the weights of the face network: set=\{\"fan\": 'wing\.ckpt'\}$"):
        gantool.train("starganv2", data, out=tmp_path / "run", preset="smoke", steps=1, workers=0, set={"w_hpf": 1})


def test_face_networks_that_are_none(tmp_path: Path):
    with pytest.raises(ValueError, match="only with w_hpf > 0"):
        StarGANv2.Options(fan="wing.ckpt")
    path = tmp_path / "wing.ckpt"
    with pytest.raises(CheckpointError, match=r"cannot read .*wing\.ckpt"):
        build(w_hpf=1.0, fan=str(path)).prepare_training()
    torch.save({"state_dict": {"conv.weight": torch.zeros(1)}}, path)
    with pytest.raises(CheckpointError, match=r"wing\.ckpt does not hold the face network"):
        build(w_hpf=1.0, fan=str(path)).prepare_training()
    whole = FAN().state_dict()
    torch.save({key: value for key, value in whole.items() if key != "l0.bias"}, path)
    with pytest.raises(CheckpointError, match=r"wing\.ckpt does not fit .* l0\.bias is missing"):
        build(w_hpf=1.0, fan=str(path)).prepare_training()


@torch.no_grad()
def test_mapping_network_and_style_encoder_are_files_of_their_own(tmp_path):
    model = build()
    weights = save(tmp_path / "run", model, "starganv2")
    domains = torch.tensor([2, 0, 1, 2, 1])
    codes, images = torch.randn(5, 3), torch.rand(5, 3, 32, 32) * 2 - 1
    for part, file in (("mapping_network", "m.onnx"), ("style_encoder", "s.pt2")):
        report = export.start(export.plan(export.Request(weights=weights, out=tmp_path / file, part=part)))
        assert (report.inputs["domain"], report.outputs) == ("int64 (N)", {"style": "float32 (N, 6)"})
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (found,) = session.run(["style"], {"code": codes.numpy(), "domain": domains.numpy()})
    expected = model.mapping_network(codes, domains)
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-5)
    found = torch.export.load(tmp_path / "s.pt2").module()(images, domains)
    torch.testing.assert_close(found, model.style_encoder(images, domains), rtol=1e-4, atol=1e-5)
