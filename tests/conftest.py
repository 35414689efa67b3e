"""What all tests share: small folders of real-looking pictures, and a process to run gantool in."""

from __future__ import annotations

import functools
import gc
import hashlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import typer.main
from PIL import Image

import gantool as package
from gantool import options, registry
from gantool.checking.pictures import draw as draw
from gantool.checking.pictures import draw_ids as draw_ids
from gantool.checking.pictures import training_pictures
from gantool.model import Data
from tests import warm
from tests.runs import TINY_CYCLEGAN, once

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # the shell of a script started the tests in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

ONE_BY_ONE = (
    "tests/cli/test_startup.py",
    "tests/docs/test_docs.py",
    "tests/training/test_interruptions.py",
    "tests/training/test_lock.py",
    "tests/training/test_processes.py",
    "tests/training/test_resume.py",
    "tests/training/test_signals.py",
    "tests/training/test_slurm.py",
)
"""Files of long tests that share nothing."""


def group(nodeid: str) -> str:
    """Tests of one group run in one process: those of a file, which makes its fixtures once, or those of a model."""
    file, _, test = nodeid.partition("::")
    if file in ONE_BY_ONE:
        return nodeid
    return re.split(r"[-[\]]", test)[-2] if file == "tests/plugins/test_every_model.py" else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Shares groups out: large ones first, so that no process is left with one at the end.

    xdist's own `--dist loadgroup` groups nothing with pytest 9.2: it renames tests through an attribute that is gone.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Groups(config, log)


_server = ExitStack()
"""What is open in the process that shares tests out, until they are done."""


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """All processes of tests have one server of commands, which imports torch while they collect."""
    if not hasattr(node.config, "commands"):
        folder = _server.enter_context(TemporaryDirectory(prefix="gantool-commands-"))
        node.config.commands = str(_server.enter_context(warm.commands(Path(folder))))
    node.workerinput["commands"] = node.config.commands


def pytest_unconfigure():
    _server.close()


def pytest_sessionstart():
    """Nothing becomes garbage while tests are collected; the collector would look at all of torch again and again."""
    gc.disable()


def pytest_collection_finish():
    """What is there now stays: the collector, which would need half a second each time, need not look at it again.

    What tests import later it still looks at, so it looks less often.
    """
    gc.freeze()
    gc.set_threshold(7000, 10, 10)
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Two threads on a busy machine are slower than one, and sums in another order are not the same bytes."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def one_exporter():
    """onnxscript parses its 500 functions anew for every export, a second each time: in tests once a process.

    torch looks shapes up among those that it has worked out. In networks of a few layers nothing comes twice, and the
    looking takes a third of an export; with the nine blocks of a CycleGAN it saves a fifth.
    """
    from torch._dynamo import config
    from torch.onnx._internal._lazy_import import onnxscript_apis

    config.fake_tensor_cache_enabled = False
    onnxscript_apis.get_torchlib_ops = functools.cache(onnxscript_apis.get_torchlib_ops)


@pytest.fixture(autouse=True, scope="session")
def own_records(tmp_path_factory):
    """What gantool remembers of results and of pictures stays among the tests' files."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["HF_HOME"] = str(tmp_path_factory.mktemp("hub"))


def cityscapes(root: Path, *, split: str = "train", scenes: int = 3, classes: int = 5) -> Path:
    """Scenes as Cityscapes has them: all kinds of labels in one folder, the pictures in a tree of their own."""
    labels, pictures = root / f"gtFine/{split}/aachen", root / f"leftImg8bit/{split}/aachen"
    labels.mkdir(parents=True)
    pictures.mkdir(parents=True)
    for number in range(scenes):
        name = f"aachen_{number:06}_000019"
        ids = np.random.default_rng(number).integers(0, classes, (24, 30))
        kinds = {"labelIds": ids, "labelTrainIds": ids + 250, "instanceIds": ids.astype(np.uint16) * 1000}
        for kind, values in kinds.items():
            Image.fromarray(values.astype(np.uint16 if kind == "instanceIds" else np.uint8)).save(
                labels / f"{name}_gtFine_{kind}.png"
            )
        Image.new("RGB", (30, 24), "red").save(labels / f"{name}_gtFine_color.png")
        (labels / f"{name}_gtFine_polygons.json").write_text("{}")
        Image.new("RGB", (30, 24)).save(pictures / f"{name}_leftImg8bit.png")
    return root


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """A folder that all processes of the session have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def data_of(model: str, preset: str | None = None, chosen: Mapping[str, object] | None = None) -> Data:
    """The training data of a model with these options."""
    entry = registry.plugin(model)
    values = options.read_yaml(entry.presets()[preset]).get("options", {}) if preset else {}
    kind = entry.load()
    return kind.data(options.restore(kind.Options, {**values, **(chosen or {})}, where=model))


@pytest.fixture(scope="session")
def pictures_of(shared) -> Callable[[Data], list[Path]]:
    """Training pictures for a model with such data: `pictures_of(data_of("pix2pix"))`. They belong to all tests."""

    def find(data: Data) -> list[Path]:
        def make(root: Path) -> None:
            names = [path.name for path in training_pictures(data, root)]
            (root / "names").write_text("\n".join(names))

        key = hashlib.sha256(repr((data.kinds, vars(data.layout))).encode()).hexdigest()[:12]
        root = once(shared / f"{data.layout.name}-{key}", make)
        return [root / name for name in (root / "names").read_text().splitlines()]

    return find


@pytest.fixture(scope="session")
def unpaired_pictures(pictures_of) -> list[Path]:
    """Two folders of training pictures."""
    return pictures_of(data_of("cyclegan"))


@pytest.fixture(scope="session")
def trained(shared, pictures_of) -> Callable[..., Path]:
    """`trained("munit")`: a run of four steps with the preset `smoke`, or as the settings say, made once a session.

    It belongs to all tests: to change a run, copy it.
    """

    def run(model: str, data: Sequence[Path] | None = None, **settings) -> Path:
        settings = {"steps": 4, "save_every": 2, "sample_every": 2, "keep": 0, **settings}
        settings = {"preset": "smoke", "workers": 0, **settings}
        data = data or pictures_of(data_of(model, settings["preset"], settings.get("set")))
        key = hashlib.sha256(repr((list(map(str, data)), sorted(settings.items()))).encode()).hexdigest()[:12]
        return once(shared / f"{model}-{key}", lambda out: package.train(model, data, out=out, **settings))

    return run


@pytest.fixture(scope="session")
def trained_tiny(trained) -> Path:
    """Two steps of the smallest CycleGAN, a save after each."""
    return trained("cyclegan", preset=None, steps=2, save_every=1, size=36, crop=32, set=TINY_CYCLEGAN)


@pytest.fixture
def pictures(tmp_path) -> tuple[Path, Path]:
    """Two folders of six and eight pictures, 40 x 40."""
    return draw(tmp_path / "trainA", 6, seed=1), draw(tmp_path / "trainB", 8, seed=2)


@pytest.fixture
def install_plugin(tmp_path, monkeypatch) -> Callable[[str, str], Path]:
    """For this process, lays a plugin out as pip would: (name, "module:Class"). Gives the folder for its module."""

    def install(name: str, target: str) -> Path:
        site = tmp_path / "site"
        facts = site / f"gantool_{name}-1.0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: gantool-{name}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[gantool.models]\n{name} = {target}\n")
        monkeypatch.syspath_prepend(str(site))
        return site

    return install


TRAIN_TINY = [
    "--size",
    "36",
    "--crop",
    "32",
    "--workers",
    "0",
    "--sample-every",  # a grid takes as long as several such steps
    "1000",
    *(word for option, value in TINY_CYCLEGAN.items() for word in ("--set", f"{option}={value}")),
]
"""Flags for `gantool train cyclegan` with the smallest network."""


@pytest.fixture(scope="session")
def commands(request, tmp_path_factory) -> Iterator[Path]:
    """A folder for PATH: its `gantool` is a process of its own that need not import torch."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        yield Path(request.config.workerinput["commands"])
        return
    with warm.commands(tmp_path_factory.mktemp("commands")) as folder:
        yield folder


@pytest.fixture
def gantool(commands, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `gantool WORDS...` in tmp_path."""

    def run(*words: str | Path, code: int | None = 0, env: dict[str, str] | None = None, **more):
        done = subprocess.run(
            [commands / "gantool", *map(str, words)],
            cwd=more.pop("cwd", tmp_path),
            capture_output=True,
            text=more.pop("text", True),
            env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
            check=False,
            **more,
        )
        assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    return run


_built = functools.cache(typer.main.get_command)
"""The parser of the command line: a process builds it once, in a tenth of a second, and tests need it often."""


@pytest.fixture
def main(tmp_path, monkeypatch, capfd) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process: (exit code, stdout, stderr). Faster than a process where nothing depends on
    one.
    """
    from gantool.cli.main import main as run_main

    monkeypatch.setattr(typer.main, "get_command", _built)

    def run(*words: str | Path, code: int | None = 0) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        capfd.readouterr()
        try:
            run_main([str(word) for word in words])
            found = 0
        except SystemExit as end:
            found = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        out, err = capfd.readouterr()
        assert code is None or found == code, (found, out, err)
        return found, out, err

    return run


CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
"""Names under which systems have it."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium, for pages as people use them. `browser.new_context()` is a new person's, without a past."""
    automation = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    quiet = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with automation.sync_playwright() as started:
        # As root Chromium has no sandbox; it opens nothing but our own pages here.
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--no-first-run", *quiet])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`opened(file, before=SCRIPT, viewport=...)`: a page from disk, with no network, for a person without a past. No
    error may happen in it, and nothing may be asked for but the page.
    """
    contexts, errors, requests, pages = [], [], [], set()

    def open_(file: Path, *, before: str = "", **how) -> Page:
        context = browser.new_context(offline=True, **how)
        contexts.append(context)
        if before:
            context.add_init_script(before)
        page = context.new_page()
        page.set_default_timeout(60_000)  # of a busy machine: nothing waits that long by itself
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text))  # what the page's policy refuses, among others
        page.on("request", lambda request: requests.append(request.url))
        pages.add(file.as_uri())
        page.goto(file.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []
    assert {url for url in requests if not url.startswith(("data:", "blob:"))} <= pages


def words(text: str) -> Sequence[str]:
    """A line as its words, whatever the spaces."""
    return text.split()
