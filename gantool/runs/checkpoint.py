"""Two files a save: `weights.safetensors` translates by itself, `state.safetensors` has what only training needs.

A save appears whole or not at all, also on a full disk or after a kill: both files are written into a temporary folder,
flushed, and the folder is renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gantool import options, registry
from gantool.capabilities import Attends, Coded, Conditioned, Grows, Tells, Translates, abilities
from gantool.errors import CheckpointError, DataError, UsageError
from gantool.files import reason
from gantool.model import Model
from gantool.runs import folders
from gantool.runs.header import KEY, DamagedError, Header, facts_of, naming_the_save_before, read_header
from gantool.runs.upgrade import FORMAT
from gantool.spec import Facts, Sizes, Spec
from gantool.version import __version__


def facts_of_model(
    model: Model[Any], name: str, step: int, notes: Mapping[str, Any], missing: Sequence[str] = ()
) -> Facts:
    """The facts that the header of this model's weights holds. `notes` are further fields of `Facts`."""
    can = abilities(model, missing)
    facts = Facts(
        model=name,
        step=step,
        options=asdict(model.options),
        spec=model.spec,
        sizes=model.sizes if isinstance(model, Translates) else Sizes(),
        can=can,
        code_size=model.code_size if isinstance(model, Coded) and "code" in can else 0,
        condition_names=model.condition_names if isinstance(model, Conditioned) else (),
        maps=model.maps if isinstance(model, Attends) else (),
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
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    folders.remove_half_saves(folder.parent)
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        _write(temporary / folders.WEIGHTS, weights, {"format": FORMAT, **facts.as_json()})
        if state:
            _write(temporary / folders.STATE, state, {"format": FORMAT, "model": facts.model, "step": facts.step})
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
        _flush_folder(folder.parent)
    except (OSError, SafetensorError) as error:
        why = reason(error, folder.parent) if isinstance(error, OSError) else str(error)
        raise DataError(f"cannot save to {folder}: {why}. Earlier saves are intact") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """Header and tensors of one file, checked against the hash in its header."""
    header = read_header(path)
    return header, _tensors(header)


def load_model(path: Path) -> tuple[Facts, Model[Any]]:
    """The model of a weights file, on the CPU, ready to translate.

    Training-only networks keep their initial weights.
    """
    with naming_the_save_before(path):
        header = read_header(path)
        facts = facts_of(header)
        tensors = _tensors(header)
    if facts.model not in registry.plugins():
        raise CheckpointError(
            f"{path} needs the model {facts.model}, which is not installed. Installed: gantool models"
        )
    kind = registry.plugin(facts.model).load()
    try:
        choices = options.restore(kind.Options, facts.options, where=facts.model)
    except UsageError as error:
        raise CheckpointError(f"{path}: its options do not fit the installed {facts.model}: {error.text}") from error
    model = build_model(kind, choices, facts.spec)
    load_weights(model, tensors, str(path), lacking=facts.missing)
    return facts, model.eval()


def _tensors(header: Header) -> dict[str, Tensor]:
    path = header.path
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
    if header.metadata.get("sha256") != _digest(tensors):
        raise DamagedError(f"{path} is damaged: its contents do not match the hash in its header")
    return tensors


def build_model(kind: type[Model[Any]], choices: Any, spec: Spec, seed: int = 0) -> Model[Any]:
    """A new model whose first weights depend on `seed` alone. Other random states stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return kind(choices, spec)


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
    grown = {".".join(key.split(".")[:2]) for key, value in (taken | adopted).items() if value is not given.get(key)}
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


def optimizer_tensors(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The state of optimisers as named tensors: `optimizers.G.12.exp_avg`."""
    return {
        f"optimizers.{name}.{index}.{key}": value
        for name, optimizer in optimizers.items()
        for index, entries in optimizer.state_dict()["state"].items()
        for key, value in entries.items()
    }


def load_optimizers(optimizers: Mapping[str, torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`. Learning rates come from the options."""
    for name, optimizer in optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        prefix = f"optimizers.{name}."
        for full, tensor in tensors.items():
            if full.startswith(prefix):
                index, key = full[len(prefix) :].split(".", 1)
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    # safetensors refuses tensors that share memory or lie in channels-last order.
    ready = {name: tensor.detach().to("cpu", copy=False).contiguous() for name, tensor in tensors.items()}
    seen: set[int] = set()
    for name, tensor in ready.items():
        if tensor.data_ptr() in seen and tensor.numel():
            ready[name] = tensor.clone()
        seen.add(tensor.data_ptr())
    text = json.dumps({**metadata, "sha256": _digest(ready)}, sort_keys=True)
    save_file(ready, path, {KEY: text})
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _flush_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some systems cannot flush a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
