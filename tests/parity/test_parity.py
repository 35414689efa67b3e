"""Every figure on file is a test: `cyclegan/networks/resnet_9blocks`. See README.md for other folders of figures."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gantool import registry

GOLDEN = Path(__file__).parent / "golden"
FOLDER = Path(os.environ.get("GANTOOL_PARITY") or GOLDEN)

PROSE = ("reference", "note", "notes")
"""Sections without figures."""

SLOW = (
    "ali/networks/decoder_celeba",
    "ali/networks/decoder_celeba_eval",
    "ali/networks/discriminator_celeba",
    "ali/networks/discriminator_celeba_eval",
    "ali/networks/encoder_celeba",
    "ali/networks/encoder_celeba_eval",
    "bicyclegan/networks/G_official",
    "biggan/networks/D_imagenet128",
    "biggan/networks/G_imagenet128",
    "biggan/networks/G_imagenet128_ch16_train",
    "cut/networks/resnet_9blocks",
    "discogan/training",
    "drit/networks/dis_single",
    "drit/training",
    "drit/translations/random_a2b_fwt",
    "dualgan/networks/generator_2020",
    "munit/training/cycle_nsgan_batch2",
    "pix2pix/networks/unet_256_batch_test_state",
    "pix2pixhd/networks/G_local_official",
    "stackgan/networks/stage1_G_coco",
    "stackgan/networks/stage2_D_coco",
    "stackgan/networks/stage2_G_coco",
    "stargan/networks/D_both256",
    "stargan/networks/D_celeba128",
    "stargan/training/celeba",
    "starganv2/networks/discriminator_afhq",
    "starganv2/networks/generator_afhq",
    "starganv2/networks/generator_celeba_hq",
    "starganv2/networks/style_encoder_celeba_hq",
    "starganv2/training",
    "starganv2/translate/latent_and_reference",
    "stylegan/imports",
    "stylegan/networks/v1_D_256",
    "stylegan/networks/v1_G_ffhq1024",
    "stylegan/networks/v2_D_256",
    "stylegan/networks/v2_D_cifar_labels",
    "stylegan/networks/v2_G_ffhq1024",
    "stylegan/networks/v2_G_paper256",
    "ugatit/training/light_decay_4_steps",
    "unit/training/nsgan_batch2",
)
"""Cases, and sections, that take long: `make test-all` compares them. A smaller network, or a shorter training, of the
same model stays.
"""


@dataclass(frozen=True)
class Case:
    """One entry of one section of one model's file; or, without an entry, a reason why there is none."""

    id: str
    model: str
    section: str = ""
    entry: Any = None
    problem: str = ""


def cases(folder: Path) -> Iterator[Case]:
    """All entries of all files of the folder, the models that have no file, and the files that have no model."""
    installed = registry.plugins()
    files = {path.stem: path for path in sorted(folder.glob("*.json"))}
    if not files:
        yield Case(f"{folder}/no-figures", "", problem=f"there are no figures (*.json) in {folder}")
    for model, path in files.items():
        if model not in installed:
            yield Case(f"{model}/not-installed", model, problem="not installed")
            continue
        for section, entry, name in entries(json.loads(path.read_text(encoding="utf-8"))):
            yield Case(f"{model}/{section}/{name}", model, section, entry)
    for model, plugin in installed.items():
        if plugin.distribution == "gantool" and model not in files and not (GOLDEN / f"{model}.json").is_file():
            yield Case(
                f"{model}/no-figures", model, problem=f"{model} has no figures: {GOLDEN / model}.json is missing"
            )


def entries(content: dict[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """(section, entry, name); names are unique within a section."""
    for title, found in complete(content, content).items():
        if title in PROSE:
            continue
        if isinstance(found, dict) and found and all(isinstance(value, dict) for value in found.values()):
            found = named(found)
        nested = isinstance(found, dict) and all(isinstance(value, (list, dict)) for value in found.values())
        sections = {f"{title}/{key}": value for key, value in found.items()} if nested else {title: found}
        for section, listed in sections.items():
            listed = with_siblings(listed) if isinstance(listed, list) else [listed]
            seen: Counter[str] = Counter()
            for entry in listed:
                name = name_of(entry)
                seen[name] += 1
                yield section, entry, name if seen[name] == 1 else f"{name}-{seen[name]}"


def named(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries that stand under their names: what one does not say, such as its input, is that of the one before."""
    told: dict[str, Any] = {}
    listed = []
    for name, entry in found.items():
        told = {**told, **entry, "name": name}
        listed.append(told)
    return listed


def complete(found: Any, content: dict[str, Any]) -> Any:
    """What an entry leaves to another is filled in: "as in training[0].networks.G" is what stands there, under the same
    key, and a network that its words name ("the network of 'E'") joins it by that name under "others".
    """
    if isinstance(found, list):
        return [complete(value, content) for value in found]
    if not isinstance(found, dict):
        return found
    filled = {}
    for key, value in found.items():
        place = re.fullmatch(r"as in ((?:\w+|[.\[\]])+)", value) if isinstance(value, str) else None
        if place:
            value = content
            for step in re.findall(r"\w+", place[1]):
                value = value[int(step) if isinstance(value, list) else step]
            value = value[key]
        filled[key] = complete(value, content)
    if names := re.findall(r"the network of '(\w+)'", str(found.get("what", ""))):
        filled["others"] = {entry["name"]: entry for entry in content["networks"] if entry["name"] in names}
    return filled


def with_siblings(listed: list[Any]) -> list[Any]:
    """The entries of a section, with what they say of each other: "parameters": "as NAME"; a formula "the same with"
    something else is that of the entry before, and more."""
    by_name = {entry["name"]: entry for entry in listed if isinstance(entry, dict) and "name" in entry}
    found: list[Any] = []
    for entry in listed:
        if isinstance(entry, dict):
            entry = dict(entry)
            for key, value in entry.items():
                if isinstance(value, str) and value.startswith("as ") and key in by_name.get(value[3:], {}):
                    entry[key] = by_name[value[3:]][key]
            if entry.get("formula", "").startswith("the same with") and found:
                entry["formula"] = f"{found[-1]['formula']}; {entry['formula']}"
        found.append(entry)
    return found


def name_of(entry: Any) -> str:
    """The entry's own name, or what tells it from the others."""
    if not isinstance(entry, dict):
        return "entry"
    if "name" in entry:
        return str(entry["name"])
    if "lr_policy" in entry:
        return "-".join(str(entry.get(key)) for key in ("lr_policy", "n_epochs", "n_epochs_decay", "epoch_count"))
    if "pool_size" in entry:
        return f"size-{entry['pool_size']}"
    if "python random.seed" in entry:
        return f"{entry['options']['preprocess']}-{entry['python random.seed']}"
    if "step" in entry:
        return f"{entry['step']}-{entry['size'][0]}x{entry['size'][1]}"
    return "entry"


def parameters() -> Iterator[Any]:
    """The cases, the slow ones marked so."""
    for case in cases(FOLDER):
        slow = [pytest.mark.slow] if f"{case.id}/".startswith(tuple(f"{name}/" for name in SLOW)) else []
        yield pytest.param(case, id=case.id, marks=slow)


@pytest.mark.parametrize("case", list(parameters()))
def test_parity(case: Case) -> None:
    if case.problem == "not installed":
        pytest.skip(f"the model {case.model} is not installed: its figures are not compared")
    assert not case.problem, case.problem
    if importlib.util.find_spec(f".adapters.{case.model}", __package__) is None:
        pytest.fail(
            f"tests/parity/adapters/{case.model}.py is missing: it says how the figures of {case.model} are compared"
        )
    adapter = importlib.import_module(f".adapters.{case.model}", __package__)
    assert case.section in adapter.SECTIONS, f"nothing in the suite compares the section {case.section} of {case.model}"
    adapter.SECTIONS[case.section](case.entry)
