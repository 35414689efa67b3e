"""From the authors' checkpoint files to a run: the plugin says what they are, this file sees that nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gantool import registry
from gantool.errors import CheckpointError, UsageError
from gantool.importing.reading import leaves, read_official
from gantool.model import ImageSpec, Imported, Model, OfficialTensors
from gantool.runs import checkpoint, folders


@dataclass(frozen=True)
class Report:
    """What was imported."""

    model: str
    weights: Path
    """The new weights file; `state.safetensors` lies beside it if `training` is true."""
    training: bool
    """Whether networks came that only training needs: `gantool train --from` goes on with them."""
    options: Any
    """The model's options as the files tell them."""
    spec: ImageSpec
    directions: tuple[tuple[str, str], ...]
    """(source, target) domains: the translations that the files bring."""
    used: Mapping[tuple[str, str], str]
    """(file, official key) -> our key."""
    dropped: Mapping[tuple[str, str], str]
    """(file, official key) -> why it was not needed."""


def import_files(
    files: Sequence[Path],
    out: Path,
    *,
    model: str | None = None,
    domains: tuple[str, ...] | None = None,
    licence: str | None = None,
) -> Report:
    """Writes the networks of official checkpoint files as the first save of the new run folder `out`.

    `model` is found out unless given; `domains` renames the domains, in the plugin's order. The header of the weights
    has, besides what every save has: `source` (file names), `licence`, `directions` (pairs of domains), and `missing`
    (sub-modules that the files did not bring and that the weights file therefore lacks). Raises UsageError for an
    existing `out` or names that do not fit, and CheckpointError for files that cannot be read, are no model's, or do
    not fit.
    """
    if out.exists():
        raise UsageError(f"{out} exists already: choose another folder with -o")
    if not files:
        raise UsageError("which files? gantool import FILE... -o RUN")
    contents = {str(path): read_official(path) for path in files}
    name, kind, imported = _recognised(contents, model)
    spec, directions = _renamed(imported, domains)
    network = checkpoint.build_model(kind, imported.options, spec)
    missing = _check(network, imported, contents)

    apart = network.training_only  # of the instance: StarGAN's differs with its labels
    weights = {key: value for key, value in imported.tensors.items() if _part(key) not in apart}
    state = {f"model.{key}": value for key, value in imported.tensors.items() if _part(key) in apart}
    folder = folders.save_folder(out, 0)
    notes = {
        "source": [path.name for path in files],
        "licence": licence or imported.licence or None,
        "directions": directions,
        "missing": missing,
    }
    checkpoint.save(folder, network, name, 0, weights=weights, state=state, notes=notes)
    return Report(
        model=name,
        weights=folder / folders.WEIGHTS,
        training=bool(state),
        options=imported.options,
        spec=spec,
        directions=directions,
        used=imported.used,
        dropped=imported.dropped,
    )


def _recognised(contents: Mapping[str, OfficialTensors], model: str | None) -> tuple[str, type[Model], Imported]:
    """The one plugin whose files these are."""
    plugins = [registry.plugin(model)] if model else list(registry.plugins().values())
    found: list[tuple[str, type[Model], Imported]] = []
    misfits: list[CheckpointError] = []
    broken: list[str] = []
    for plugin in plugins:
        try:
            kind = plugin.load()
        except CheckpointError as error:
            broken.append(str(error))
            continue
        try:
            imported = kind.from_official(contents)
        except CheckpointError as error:
            misfits.append(error)
        except Exception as error:  # of a plugin that met what its author did not think of
            broken.append(f"the plugin {plugin.name} failed on these files: {type(error).__name__}: {error}")
        else:
            if imported is not None:
                found.append((plugin.name, kind, imported))
    if len(found) > 1:
        raise CheckpointError(
            f"{', '.join(contents)} could be of {' or '.join(name for name, _, _ in found)}: say which with --model"
        )
    if found:
        return found[0]
    if misfits:
        raise misfits[0]
    if model and broken:
        raise CheckpointError(broken[0])
    keys = [key for tensors in contents.values() for key, _ in leaves(tensors)][:2]
    whose = f"no files of {model}" if model else f"files of no installed model ({', '.join(registry.plugins())})"
    raise CheckpointError(
        "; ".join([f"{', '.join(contents)}: {whose}", f"the first keys are {', '.join(keys)}", *broken])
    )


def _renamed(imported: Imported, domains: tuple[str, ...] | None) -> tuple[ImageSpec, tuple[tuple[str, str], ...]]:
    """Spec and directions with the domain names that a person chose."""
    own = imported.spec.domains
    names = own if domains is None else domains
    if len(names) != len(own) or len(set(names)) != len(names) or not all(names):
        raise UsageError(
            f"these files have {len(own)} domains: give {len(own)} different names, not {', '.join(names)}"
        )
    chosen = dict(zip(own, names, strict=True))
    return replace(imported.spec, domains=names), tuple((chosen[a], chosen[b]) for a, b in imported.directions)


def _check(model: Model, imported: Imported, contents: Mapping[str, OfficialTensors]) -> list[str]:
    """Sees that every key of the files is accounted for, and every sub-module whole or absent. Returns the absent ones.

    What only training needs may be absent without a word.
    """
    keys = {(file, key) for file, tensors in contents.items() for key, _ in leaves(tensors)}
    strays = sorted(keys ^ (imported.used.keys() | imported.dropped.keys()))
    if strays:
        raise CheckpointError(f"{strays[0][0]}: nothing is known about {strays[0][1]} ({len(strays)} such keys)")
    expected = model.state_dict()
    parts = {_part(key) for key in imported.tensors}
    absent = sorted(key for key in expected.keys() - imported.tensors.keys() if _part(key) in parts)
    unknown = sorted(
        key for key, value in imported.tensors.items() if key not in expected or expected[key].shape != value.shape
    )
    if absent or unknown:
        problem = f"{unknown[0]} does not fit" if unknown else f"{absent[0]} is missing"
        raise CheckpointError(
            f"{', '.join(contents)}: {problem} ({len(absent)} missing, {len(unknown)} that do not fit)"
        )
    return sorted({_part(key) for key in expected} - parts - {*model.training_only, *model.frozen})


def _part(key: str) -> str:
    return key.partition(".")[0]
