"""Official CycleGAN files become runs that translate as the authors' networks do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from gantool.errors import CheckpointError, UsageError
from gantool.importing.session import Report
from gantool.model import Progress
from gantool.runs import checkpoint, folders
from gantool.runs.find import find_weights
from gantool.runs.header import read_facts
from gantool.training.run import TrainingRun

from .imports import import_files, whole
from .official_networks import Patch, Pixel, Resnet, Unet


def write(folder: Path, **networks: nn.Module) -> list[Path]:
    """`latest_net_NAME.pth` with the state dict of each network."""
    files = []
    for name, network in networks.items():
        files.append(folder / f"latest_net_{name}.pth")
        torch.save(network.state_dict(), files[-1])
    return files


def picture(channels: int = 3, side: int = 32) -> Tensor:
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def assert_translates(report: Report, source: str, target: str, network: nn.Module, channels: int = 3) -> None:
    """The run translates as the authors' network does."""
    _, model = checkpoint.load_model(report.weights)
    x = picture(channels)
    with torch.no_grad():
        ours = model.translate(x, source=model.spec.index(source), target=model.spec.index(target))
        theirs = network.eval()(x)
    # 2e-6 at most: the instance norm of ours sums in another order.
    assert (ours - theirs).abs().max() < 1e-5
    assert theirs.std() > 0.01


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (
            {},
            {
                "generator": "resnet",
                "width": 8,
                "blocks": 2,
                "norm": "instance",
                "padding": "reflect",
                "dropout": False,
            },
        ),
        ({"blocks": 11, "width": 4}, {"blocks": 11, "width": 4}),
        ({"dropout": True}, {"dropout": True, "padding": "reflect"}),
        ({"padding": "zero"}, {"padding": "zero", "dropout": False}),
        ({"padding": "zero", "dropout": True}, {"padding": "zero", "dropout": True}),
        ({"norm": "batch"}, {"norm": "batch"}),
        ({"norm": "none"}, {"norm": "none"}),
        ({"norm": "instance_with_statistics"}, {"norm": "instance"}),
    ],
)
def test_resnet_generators(tmp_path: Path, settings: dict, options: dict) -> None:
    ab, ba = Resnet(**settings), Resnet(**settings)
    report = import_files(write(tmp_path, G_A=ab, G_B=ba), tmp_path / "run")
    assert {name: getattr(report.options, name) for name in options} == options
    if settings.get("norm") == "instance_with_statistics":
        ab, ba = Resnet(), Resnet()
        for network, name in ((ab, "G_A"), (ba, "G_B")):
            network.load_state_dict(torch.load(tmp_path / f"latest_net_{name}.pth"), strict=False)
        assert len(report.dropped) == 2 * 3 * 9  # three statistics of nine norms in each
    else:
        assert not report.dropped
    assert_translates(report, "A", "B", ab)
    assert_translates(report, "B", "A", ba)


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_unet_generators(tmp_path: Path, norm: str) -> None:
    ab, ba = Unet(norm=norm), Unet(norm=norm)
    report = import_files(write(tmp_path, G_A=ab, G_B=ba), tmp_path / "run")
    assert (report.options.generator, report.options.depth, report.options.width) == ("unet", 5, 4)
    assert report.options.norm == norm
    assert_translates(report, "A", "B", ab)
    assert_translates(report, "B", "A", ba)


def test_grey_to_colour(tmp_path: Path) -> None:
    ab, ba = Resnet(into=1, out=3), Resnet(into=3, out=1)
    report = import_files(write(tmp_path, G_A=ab, G_B=ba), tmp_path / "run", domains=("sketch", "photo"))
    assert report.spec.domains == ("sketch", "photo")
    assert report.spec.channels == (1, 3)
    assert report.options.identity == 0
    assert_translates(report, "sketch", "photo", ab, channels=1)
    assert_translates(report, "photo", "sketch", ba)


@pytest.mark.parametrize(
    ("judge", "options"),
    [
        (lambda into: Patch(into, layers=2, width=4), {"discriminator": "patch", "d_layers": 2, "d_width": 4}),
        (lambda into: Patch(into, layers=4, width=4), {"discriminator": "patch", "d_layers": 4, "d_width": 4}),
        (lambda into: Pixel(into, width=6), {"discriminator": "pixel", "d_width": 6}),
    ],
)
def test_discriminators_come_along_for_further_training(tmp_path: Path, judge: type[Patch], options: dict) -> None:
    of_b, of_a = judge(1), judge(3)  # D_A judges what G_A makes: pictures of B
    generators = write(tmp_path, G_A=Resnet(into=3, out=1), G_B=Resnet(into=1, out=3))
    report = import_files([*generators, *write(tmp_path, D_A=of_b, D_B=of_a)], tmp_path / "run")
    assert report.training
    assert {name: getattr(report.options, name) for name in options} == options
    model = whole(report)
    _, state = checkpoint.read(report.weights.with_name(folders.STATE))
    assert {key.split(".")[1] for key in state if key.startswith("model.")} == {"d_a", "d_b"}
    x = picture(1, 64)
    with torch.no_grad():
        # 5e-7 at most, for the same reason as in `assert_translates`.
        assert (model.d_b(x) - of_b(x)).abs().max() < 1e-5
        assert (model.d_a(x.expand(1, 3, 64, 64)) - of_a(x.expand(1, 3, 64, 64))).abs().max() < 1e-5
    run = TrainingRun(model.train(), model.optimizers())
    run.begin(Progress(0, 1), 1.0)
    model.training_step({"A": picture(3, 64), "B": picture(1, 64)}, run)
    run.end()
    assert run.skipped_in_a_row() == 0


def test_without_discriminators_there_is_no_training_state(tmp_path: Path) -> None:
    report = import_files(write(tmp_path, G_A=Resnet(), G_B=Resnet()), tmp_path / "run")
    assert not report.training
    assert [path.name for path in report.weights.parent.iterdir()] == [folders.WEIGHTS]
    assert find_weights(str(tmp_path / "run")) == report.weights


@pytest.mark.parametrize(
    ("name", "direction", "present", "missing"),
    [("G", ["A", "B"], "g_ab", "g_ba"), ("G_A", ["A", "B"], "g_ab", "g_ba"), ("G_B", ["B", "A"], "g_ba", "g_ab")],
)
def test_a_single_generator_is_one_direction(
    tmp_path: Path, name: str, direction: list[str], present: str, missing: str
) -> None:
    network = Resnet()
    report = import_files(write(tmp_path, **{name: network}), tmp_path / "run")
    _, tensors = checkpoint.read(report.weights)
    facts = read_facts(report.weights)
    assert facts.directions == (tuple(direction),)
    assert facts.missing == (missing,)
    assert {key.partition(".")[0] for key in tensors} == {present}
    assert len(tensors) == len(network.state_dict())
    assert_translates(report, *direction, network)


def test_every_key_is_reported(tmp_path: Path) -> None:
    files = write(tmp_path, G_A=Resnet(norm="instance_with_statistics"), G_B=Resnet())
    report = import_files(files, tmp_path / "run", licence="BSD-2-Clause")
    keys = {(str(file), key) for file in files for key in torch.load(file)}
    assert report.used.keys() | report.dropped.keys() == keys
    assert report.used[str(files[0]), "model.10.conv_block.5.weight"] == "g_ab.blocks.0.body.5.weight"
    assert "never used" in report.dropped[str(files[0]), "model.2.running_mean"]
    facts = read_facts(report.weights)
    assert facts.licence == "BSD-2-Clause"
    assert facts.source == ("latest_net_G_A.pth", "latest_net_G_B.pth")
    assert facts.directions == (("A", "B"), ("B", "A"))
    assert facts.missing == ()


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_wrappers_are_taken_off(tmp_path: Path, wrapper: str) -> None:
    ab, ba = Resnet(), Resnet()
    files = write(tmp_path, G_A=ab, G_B=ba)
    wrapped = {wrapper + key: value for key, value in ab.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": wrapped}, files[0])
    assert_translates(import_files(files, tmp_path / "run"), "A", "B", ab)


def test_old_files_lack_the_count_of_batches(tmp_path: Path) -> None:
    ab, ba = Resnet(norm="batch"), Resnet(norm="batch")
    files = write(tmp_path, G_A=ab, G_B=ba)
    old = {key: value for key, value in ab.state_dict().items() if not key.endswith("num_batches_tracked")}
    torch.save(old, files[0], _use_new_zipfile_serialization=False)
    assert_translates(import_files(files, tmp_path / "run"), "A", "B", ab)


def test_safetensors_with_official_keys(tmp_path: Path) -> None:
    ab, ba = Resnet(), Resnet()
    files = [tmp_path / "net_G_A.safetensors", tmp_path / "net_G_B.safetensors"]
    for file, network in zip(files, (ab, ba), strict=True):
        save_file(network.state_dict(), file)
    assert_translates(import_files(files, tmp_path / "run"), "A", "B", ab)


def refused(files: list[Path], out: Path, *words: str, **settings: object) -> None:
    """The import fails with these words in one line, and leaves nothing behind."""
    with pytest.raises(CheckpointError) as caught:
        import_files(files, out, **settings)  # type: ignore[arg-type]
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert not out.exists()


def test_files_that_are_mixed_up(tmp_path: Path) -> None:
    out = tmp_path / "run"
    generator, judge = Resnet(), Patch()
    (tmp_path / "other").mkdir()
    a, same = *write(tmp_path, G_A=generator), *write(tmp_path / "other", G_A=generator)
    refused([a, same], out, str(a), str(same), "G_A")
    refused([a, *write(tmp_path, D_A=generator)], out, "latest_net_D_A.pth", "holds a generator")
    refused([a, *write(tmp_path, G_B=judge)], out, "latest_net_G_B.pth", "holds a discriminator")
    refused([a, *write(tmp_path, G_B=Resnet(blocks=3))], out, "blocks is 2 and 3", "latest_net_G_B.pth")
    refused([a, *write(tmp_path, D_A=Patch(norm="batch"))], out, "norm is instance and batch")
    refused([a, *write(tmp_path, G_B=Resnet(into=1))], out, "channels_b is 3 and 1")
    refused(write(tmp_path, D_A=judge), out, "no generator")
    one, two = tmp_path / "horse.pth", tmp_path / "zebra.pth"
    for file in (one, two):
        torch.save(generator.state_dict(), file)
    refused([one, two], out, "which generator is it", "_G_A")


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    out = tmp_path / "run"
    state = Resnet().state_dict()
    file = tmp_path / "latest_net_G_A.pth"
    torch.save({key: value for key, value in state.items() if key != "model.4.bias"}, file)
    refused([file], out, str(file), "model.4.bias is missing")
    torch.save(state | {"model.99.weight": torch.zeros(3)}, file)
    refused([file], out, str(file), "model.99.weight is unknown")
    torch.save(state | {"model.7.weight": torch.zeros(32, 15, 3, 3)}, file)
    refused([file], out, str(file), "model.7.weight has shape (32, 15, 3, 3) instead of (32, 16, 3, 3)")
    torch.save(nn.Linear(2, 2).state_dict(), file)
    refused([file], out, str(file), "no installed model", "weight, bias")
    refused([file], out, "no files of cyclegan", model="cyclegan")


def test_pix2pix_files_are_not_taken_for_cyclegan(tmp_path: Path) -> None:
    files = write(tmp_path, G=Unet(norm="batch"), D=Patch(into=6, norm="batch"))
    refused(files, tmp_path / "run", "no files of cyclegan", model="cyclegan")


def test_an_existing_run_stays_as_it_is(tmp_path: Path) -> None:
    files = write(tmp_path, G_A=Resnet(), G_B=Resnet())
    report = import_files(files, tmp_path / "run")
    before = report.weights.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        import_files(files, tmp_path / "run")
    assert report.weights.read_bytes() == before


@pytest.mark.parametrize(
    ("domains", "said"),
    [
        (("horse",), "2 different names"),
        (("horse", "horse"), "choose other names for the domains"),
        (("a", "b", "c"), "2 different names"),
        (("", "b"), "choose other names for the domains"),
    ],
)
def test_domain_names_that_do_not_fit(tmp_path: Path, domains: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        import_files(write(tmp_path, G_A=Resnet(), G_B=Resnet()), tmp_path / "run", domains=domains)


PLUGINS = {
    "greedy": "from gantool_cyclegan.official import recognise",
    "careless": "def recognise(files): return next(iter(files.values()))['no such key']",
    "licensed": "from gantool_cyclegan import official\nfrom dataclasses import replace\n"
    "def recognise(files): return replace(official.recognise(files), licence='CC BY-NC 4.0')",
    "broken": "",
}
"""Their `official` modules."""


@pytest.fixture
def installed(install_plugin):
    """Installs some of `PLUGINS`, by their names."""

    def install(*names: str) -> None:
        for name in names:
            site = install_plugin(name, f"gantool_{name}:Another")
            package = site / f"gantool_{name}"
            package.mkdir()
            also = "import a_package_that_is_not_there\n" if name == "broken" else ""
            (package / "__init__.py").write_text(f"{also}from gantool_cyclegan import CycleGAN as Another\n")
            (package / "official.py").write_text(PLUGINS[name])

    return install


def test_files_that_two_plugins_take_for_theirs(tmp_path: Path, installed) -> None:
    installed("greedy")
    files = write(tmp_path, G_A=Resnet(), G_B=Resnet())
    refused(files, tmp_path / "run", "could be of cyclegan or greedy: say which with model")
    assert import_files(files, tmp_path / "run", model="greedy").model == "greedy"


def test_a_broken_plugin_is_named_where_nobody_knows_the_files(tmp_path: Path, installed) -> None:
    installed("broken", "careless")
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "file.pth")
    said = ["of no installed model", "__init__.py:1: ModuleNotFoundError: No module named 'a_package_that"]
    refused([tmp_path / "file.pth"], tmp_path / "run", *said, "the plugin careless failed on these files: KeyError")
    refused([tmp_path / "file.pth"], tmp_path / "run", "the plugin broken of gantool", model="broken")
    # It is in nobody's way.
    assert import_files(write(tmp_path, G_A=Resnet()), tmp_path / "run", model="cyclegan").model == "cyclegan"
    assert import_files(write(tmp_path, G_A=Resnet(), G_B=Resnet()), tmp_path / "other").model == "cyclegan"


def test_a_plugin_without_importer_is_in_nobodys_way(tmp_path: Path, install_plugin) -> None:
    site = install_plugin("single", "gantool_single:Another")
    (site / "gantool_single.py").write_text("from gantool_cyclegan import CycleGAN as Another\n")
    files = write(tmp_path, G_A=Resnet(), G_B=Resnet())
    refused(files, tmp_path / "run", "no files of single", model="single")
    assert import_files(files, tmp_path / "run").model == "cyclegan"


def test_the_licence_that_a_plugin_knows_is_kept_unless_another_is_given(tmp_path: Path, installed) -> None:
    installed("licensed")
    files = write(tmp_path, G_A=Resnet(), G_B=Resnet())
    own = import_files(files, tmp_path / "own", model="licensed").weights
    given = import_files(files, tmp_path / "given", model="licensed", licence="mine").weights
    assert [read_facts(path).licence for path in (own, given)] == ["CC BY-NC 4.0", "mine"]
