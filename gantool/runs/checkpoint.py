"""Two files a save: `weights.safetensors` translates by itself, `state.safetensors` has what only training needs.

A save appears whole or not at all, also on a full disk or after a kill: both files are written into a temporary folder,
flushed, and the folder is renamed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from gantool import options, registry
from gantool.capabilities import Attends, Coded, Conditioned, Grows, Samples, Tells, Translates, abilities
from gantool.contract import check_model
from gantool.errors import CheckpointError, DataError, Interrupted, UsageError
from gantool.files import claimed, reason
from gantool.model import Model
from gantool.runs import folders
from gantool.runs.header import (
    Header,
    facts_of,
    naming_the_save_before,
    read_header,
)
from gantool.runs.skeleton import difference, fill, keep_only, skeleton
from gantool.runs.tensors import read_tensors, write_tensors
from gantool.schema import first_line
from gantool.spec import Facts, Sizes, Spec, facts_from_json
from gantool.version import __version__


def facts_of_model(
    model: Model[Any], name: str, step: int, notes: Mapping[str, Any], missing: Sequence[str] = ()
) -> Facts:
    """The facts that the header of this model's weights holds, without paths: weights are given to others. `notes` are
    further fields of `Facts`.
    """
    can = abilities(model, missing)
    facts = Facts(
        model=name,
        step=step,
        options=options.without_places(asdict(model.options)),
        spec=model.spec,
        sizes=model.sizes if isinstance(model, Translates) else Sizes(),
        can=can,
        code_size=model.code_size if isinstance(model, Coded) and "code" in can else 0,
        condition_names=model.condition_names if isinstance(model, Conditioned) else (),
        maps=model.maps if isinstance(model, Attends) else (),
        latent_size=model.latent_size if isinstance(model, Samples) else 0,
        label_size=model.label_size if isinstance(model, Samples) else 0,
        truncates=model.truncates if isinstance(model, Samples) else "",
        missing=tuple(missing),
        own=model.facts() if isinstance(model, Tells) else {},
        directions=model.directions() if isinstance(model, Translates) else (),
        gantool=__version__,
    )
    return replace(facts, **notes)


def parted(model: Model[Any], tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A model's tensors as those of a weights file, and those that only further training needs (`model.KEY`)."""
    roles = model.roles
    weights = {key: value for key, value in tensors.items() if part(key) not in (*roles.training_only, *roles.frozen)}
    state = {f"model.{key}": value for key, value in tensors.items() if part(key) in roles.training_only}
    return weights, state


def part(key: str) -> str:
    """The sub-module that a tensor belongs to: "g_ab" of "g_ab.head.1.weight"."""
    return key.partition(".")[0]


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, without it."""
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def save(folder: Path, facts: Facts, *, weights: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    """Writes a save, and removes what a kill left of earlier ones. Raises DataError if the disk refuses."""
    run = folder.parents[1]
    temporary = folder.with_name(f".{folder.name}.{secrets.randbelow(10**12)}")
    folders.sweep(run)
    try:
        temporary.mkdir(parents=True)
        with claimed(temporary):
            sha256 = write_tensors(temporary / folders.WEIGHTS, weights, _checked(facts))
            if state:
                about = {"model": facts.model, "step": facts.step, "weights": sha256}
                write_tensors(temporary / folders.STATE, state, about)
            if folder.exists():
                shutil.rmtree(folder)
            temporary.rename(folder)
        _flush_folder(folder.parent)
    except (OSError, SafetensorError) as error:
        why = reason(error, folder.parent) if isinstance(error, OSError) else str(error)
        kept = ". Earlier saves are intact" if folders.saves(run) else ""
        raise DataError(f"cannot save to {folder}: {why}{kept}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """Header and tensors of one file, checked against the hash in its header."""
    header = read_header(path)
    return header, read_tensors(header)


def load_model(path: Path) -> tuple[Facts, Model[Any]]:
    """The model of a weights file, on the CPU, ready to translate: without the networks that only training needs.

    Nothing is allocated for it before the shapes in the file's header agree with its options.
    """
    with naming_the_save_before(path):
        header = read_header(path)
        facts = facts_of(header)
    if facts.model not in registry.plugins():
        raise CheckpointError(
            f"{path} needs the model {facts.model}, which is not installed. Installed: gantool models"
        )
    kind = registry.plugin(facts.model).load()
    where = f"{path} does not fit the installed {facts.model}"
    try:
        choices = options.restore(kind.Options, facts.options, where=facts.model)
        model: Model[Any] | None = skeleton(kind, choices, facts.spec, len(header.tensors))
    except UsageError as error:
        raise CheckpointError(f"{where}: {error.text}") from error
    except Interrupted:  # a signal says nothing of the file
        raise
    except Exception as error:
        if "meta" not in str(error).lower():  # of a plugin that looks at the numbers in its weights
            raise CheckpointError(f"{where}: {first_line(error)}") from error
        model = None
    if model is not None:
        networks = _needed(model, facts)
        wrong = _strange(model, facts) or difference(model, networks, {k: s for k, (_, s) in header.tensors.items()})
        if wrong:
            raise CheckpointError(f"{path} does not fit these options: {wrong}")
    with naming_the_save_before(path):
        tensors = read_tensors(header)
    if model is not None:
        keep_only(model, networks)
        if fill(model, tensors):
            return facts, model.eval()
    model = build_model(kind, choices, facts.spec)
    load_weights(model, tensors, str(path), lacking=facts.missing)
    keep_only(model, _needed(model, facts))
    return facts, model.eval()


def _needed(model: Model[Any], facts: Facts) -> set[str]:
    """The parts of the model that translation needs and the file has."""
    excused = {*model.roles.training_only, *model.roles.frozen, *facts.missing}
    return {part(key) for key in model.state_dict()} - excused


def _strange(model: Model[Any], facts: Facts) -> str | None:
    """What a header says of a model that is not so; the verbs rely on it."""
    size = model.code_size if isinstance(model, Coded) and "code" in facts.can else 0
    names = model.condition_names if isinstance(model, Conditioned) else ()
    if more := facts.can - abilities(model, facts.missing):
        return f"its header says that it can {min(more)}, and {facts.model} cannot"
    latent, label = (model.latent_size, model.label_size) if isinstance(model, Samples) else (0, 0)
    if (facts.latent_size, facts.label_size) != (latent, label):
        return (
            f"its header gives latents of {facts.latent_size} numbers and labels of {facts.label_size}, and"
            f" {facts.model} has {latent} and {label}"
        )
    if facts.code_size != size:
        return f"its header gives style codes of {facts.code_size} numbers, and {facts.model} has {size}"
    if len(facts.condition_names) != len(names):
        return f"its header names {len(facts.condition_names)} conditions, and {facts.model} has {len(names)}"
    return None


def build_model(kind: type[Model[Any]], choices: Any, spec: Spec, seed: int = 0) -> Model[Any]:
    """A new model whose first weights depend on `seed` alone. Other random states stay as they are.

    Raises CheckpointError for one that is not as the contract has it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(choices, spec)
    check_model(model)
    return model


def load_weights(model: Model[Any], tensors: Mapping[str, Tensor], where: str, lacking: Sequence[str] = ()) -> None:
    """Puts tensors into the model: exactly the ones that translation needs, or with training's as well.

    `lacking` are sub-modules that an imported file is known not to have: they stay as they are.
    """
    try:
        missing, unexpected = model.load_state_dict(dict(tensors), strict=False)
    except RuntimeError as error:  # sizes that differ, one a line
        first = str(error).splitlines()[1].strip()
        raise CheckpointError(f"{where} does not fit these options: {first}") from error
    excused = {*model.roles.training_only, *model.roles.frozen, *lacking}
    absent = [key for key in missing if part(key) not in excused]
    if absent or unexpected:
        first = f"{absent[0]} is missing" if absent else f"{unexpected[0]} is unknown"
        raise CheckpointError(
            f"{where} does not fit these options: {first} ({len(absent)} missing, {len(unexpected)} unknown)"
        )


def begin_from(model: Model[Any], weights: Path) -> list[str]:
    """Fills a new model with the networks of a weights file and of the training state beside it, if there is one.

    Returns the networks that neither has, and the parts that the model adds to them: they begin anew.
    """
    header, tensors = read(weights)
    grow = model.adopt if isinstance(model, Grows) else dict
    taken = dict(grow(tensors))
    load_weights(model, taken, str(weights), lacking=facts_of(header).missing)
    beside = weights.with_name(folders.STATE)
    state = below("model.", read(beside)[1]) if beside.is_file() else {}
    networks = {name for name, child in model.named_children() if any(True for _ in child.parameters())}
    apart = networks & set(model.roles.training_only)
    adopted = _fitting(model, grow({key: value for key, value in state.items() if part(key) in apart}))
    found = {key: value for key, value in state.items() if part(key) in {part(name) for name in adopted}}
    model.load_state_dict(dict(adopted), strict=False)
    given = {**tensors, **found}
    old = {id(value) for value in given.values()}  # a model may have it under another name
    grown = {".".join(key.split(".")[:2]) for key, value in (taken | adopted).items() if id(value) not in old}
    return sorted((networks - {*model.roles.frozen, *map(part, given)}) | grown)


def _fitting(model: Model[Any], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of networks that have just these tensors: a discriminator of another width or depth begins anew."""
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    given = {key: value.shape for key, value in tensors.items()}
    wanted = {
        name
        for name in map(part, tensors)
        if {k: s for k, s in shapes.items() if part(k) == name} == {k: s for k, s in given.items() if part(k) == name}
    }
    return {key: value for key, value in tensors.items() if part(key) in wanted}


def _checked(facts: Facts) -> dict[str, Any]:
    """The facts as they are written. Raises CheckpointError for a plugin's that could not be read back."""
    table: dict[str, Any] = json.loads(json.dumps(facts.as_json()))
    try:
        facts_from_json(table)
    except ValueError as error:
        raise CheckpointError(f"{facts.model} says of itself what no header can hold: {error}") from error
    return table


def _flush_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some systems cannot flush a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
