"""What people install: the source distribution and the wheel hold every file, and gantool works from the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from gantool import registry

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
OURS = sorted(plugin.name for plugin in registry.plugins().values() if plugin.distribution == "gantool")


def build(kind: str, source: Path, out: Path) -> Path:
    """Builds "sdist" or "wheel" of a folder, as pip would do it without a network."""
    out.mkdir()
    code = f"import sys; from setuptools.build_meta import build_{kind}; build_{kind}(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, out], cwd=source, capture_output=True, check=True)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that is built of the source distribution, which is built of the tree."""
    folder = tmp_path_factory.mktemp("packages")
    source = folder / "tree"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("gantool", "plugins"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    with tarfile.open(build("sdist", source, folder / "sdist")) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return build("wheel", unpacked, folder / "wheel")


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The `gantool` of an environment that has the wheel, and of ours only what gantool depends on."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    inside = sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "gantool" not in entry.name:
            (Path(inside) / entry.name).symlink_to(entry)
    scripts = Path(sysconfig.get_path("scripts", "venv", {"base": str(folder), "platbase": str(folder)}))
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", next(scripts.glob("python*"))]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", wheel], check=True)
    subprocess.run([*pip, "check"], check=True)
    return scripts / "gantool"


def gantool(program: Path, *words: str | Path, cwd: Path) -> str:
    """What a command says on stdout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [program, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    folders = [ROOT, ROOT / "plugins"]
    files = {
        path.relative_to(folder).as_posix()
        for folder in folders
        for package in folder.glob("gantool*/")
        if not package.name.endswith(".egg-info")
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"gantool/py.typed", "gantool_cyclegan/about.yaml", "gantool_cyclegan/presets/small.yaml"} <= files
    assert any(name.startswith("gantool/report/templates/") for name in files)
    assert any(name.startswith("gantool/examples/emoji/trainA/") for name in files)
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == files


def test_it_trains_and_translates_from_the_wheel(installed, tmp_path):
    assert gantool(installed, "--version", cwd=tmp_path).startswith("gantool ")
    models = gantool(installed, "models", cwd=tmp_path)
    assert all(name in models for name in OURS)
    code = "from gantool.examples import EMOJI; print(EMOJI)"
    emoji = Path(gantool(next(installed.parent.glob("python*")), "-c", code, cwd=tmp_path).strip())
    assert emoji.is_relative_to(installed.parents[1])
    sizes = ["--steps", "1", "--size", "36", "--crop", "32", "--workers", "0"]
    gantool(
        installed, "train", "cyclegan", emoji / "trainA", emoji / "trainB", "-o", "run", "--preset", "smoke", *sizes,
        cwd=tmp_path,
    )  # fmt: skip
    assert (tmp_path / "run" / "gallery.html").is_file()
    gantool(installed, "translate", "--model", "run", emoji / "testA", "out", cwd=tmp_path)
    assert len(list((tmp_path / "out").rglob("*.png"))) == len(list((emoji / "testA").iterdir()))
