"""Which models are installed: entry points of the group `gantool.models`, read without importing a plugin."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gantool.errors import CheckpointError, GantoolError, Interrupted, UsageError, did_you_mean
from gantool.options import read_yaml

if TYPE_CHECKING:
    from gantool.importing.official import Importer
    from gantool.model import Model

GROUP = "gantool.models"
_SIGNALS = 128
"""Exit codes above it say that a signal ended the program."""


@dataclass(frozen=True)
class Plugin:
    """One entry point: nothing of the plugin has been imported."""

    name: str
    """The word that people type: `gantool train NAME`."""
    module: str
    attribute: str
    distribution: str
    """The installed package that brings it."""
    version: str
    """Empty where its folder does not say, as one in which a package is developed."""
    rivals: tuple[str, ...] = ()
    """Other packages, each with its version, that bring a model of this name, too."""

    @property
    def package(self) -> str:
        """The package with its version."""
        return f"{self.distribution} {self.version}".strip()

    def presets(self) -> dict[str, Path]:
        """The YAML files that the plugin ships in `presets/`, by name. Nothing is imported for it."""
        files = (file for folder in self._folders() for file in sorted(folder.glob("presets/*.yaml")))
        return {file.stem: file for file in files}

    def about(self) -> dict[str, str]:
        """What the plugin's `about.yaml` says: `needs` (which pictures) and `makes` (which results), each a few words.

        Empty where there is none that can be read. Nothing is imported for it.
        """
        for folder in self._folders():
            with suppress(GantoolError):
                return {str(key): str(value) for key, value in read_yaml(folder / "about.yaml").items()}
        return {}

    def _folders(self) -> list[Path]:
        try:
            spec = importlib.util.find_spec(self.module)
        except (ImportError, ValueError):
            return []
        return [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []

    def load(self) -> type[Model[Any]]:
        """Imports the plugin.

        Raises CheckpointError with the plugin's own error, if it is of another contract, if it is not as the contract
        has it, or if another package brings a model of its name: which of them comes first is the disk's choice.
        """
        from gantool.contract import class_flaw
        from gantool.model import CHANGES, CONTRACT, Model

        if self.rivals:
            packages = " and ".join(sorted([self.package, *self.rivals]))
            raise CheckpointError(f"{packages} both bring a model {self.name}: uninstall one of them")
        try:
            found = getattr(_imported(self.module), self.attribute)
        except Interrupted:  # a signal says nothing of the plugin
            raise
        except GantoolError as error:
            raise CheckpointError(f"{self.named()} cannot be used: {error.text}") from error
        except Exception as error:
            # Rooms have moved since contract 1: an import from one of them that fails is most likely that.
            moved = isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "gantool"
            hint = f". If it was written for contract 1: {CHANGES}" if moved else ""
            places = [f"{file}:{line}" for module, file, line in _calls(error) if _top(module) == _top(self.module)]
            at = f" at {places[-1]}" if places else ""
            raise CheckpointError(
                f"{self.named()} cannot be imported{at}: {type(error).__name__}: {error}{hint}"
            ) from error
        if not (isinstance(found, type) and issubclass(found, Model)):
            raise CheckpointError(f"{self.named()} names {self.module}:{self.attribute}, no gantool.model.Model")
        if found.contract == Model.contract:  # contract 1 had no such line
            raise CheckpointError(
                f"{self.named()} does not say contract = {CONTRACT} in its class, so it counts as of contract 1:"
                f" {CHANGES}"
            )
        if found.contract != CONTRACT:
            raise CheckpointError(
                f"{self.named()} was written for contract {found.contract}, and this is contract {CONTRACT}: {CHANGES}"
            )
        if problem := class_flaw(found):
            raise CheckpointError(f"{self.named()} cannot be used: {problem}")
        return found

    def importer(self) -> Importer | None:
        """The plugin's `official.recognise`, which knows the authors' files; None where it has no such module."""
        name = f"{self.module}.official"
        try:
            if importlib.util.find_spec(name) is None:
                return None
        except ModuleNotFoundError:  # the plugin is a single file
            return None
        found: Importer = _imported(name).recognise
        return found

    def named(self) -> str:
        """Name, package and version, for messages."""
        return f"the plugin {self.name} of {self.package}"


def mistake(error: BaseException) -> str | None:
    """An error that came out of a plugin's code, in one line: plugin, file, line and error; None for any other."""
    plugin, place, installed = None, "", list(plugins().values())
    for module, file, line in _calls(error):
        near = [one for one in installed if _top(one.module) == _top(module)]
        if near:
            place = f"{file}:{line}"
            # A package may bring several models: what they share is called by one of them.
            its_own = [one for one in near if f"{module}.".startswith(f"{one.module}.")]
            plugin = its_own[0] if its_own else (plugin if plugin in near else near[0])
    if plugin is None:
        return None
    said = f"{type(error).__name__}: {error}".strip(": ").splitlines()[0]
    return f"{plugin.named()} fails at {place}: {said}"


def _calls(error: BaseException) -> list[tuple[str, str, int]]:
    """Module, file and line of every call that an error came through, the outermost first."""
    return [
        (str(frame.f_globals.get("__name__")), frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]


def _imported(module: str) -> ModuleType:
    """A plugin's module. Raises ImportError where importing it would end the program, as a script does that calls
    sys.exit.
    """
    try:
        return importlib.import_module(module)
    except SystemExit as end:
        if isinstance(end.code, int) and end.code > _SIGNALS:
            raise  # a second signal says nothing of the plugin
        said = ImportError(f"it calls sys.exit({end.code!r}) when it is imported")
        raise said.with_traceback(end.__traceback__) from end


def _top(module: str) -> str:
    return module.partition(".")[0]


def plugins() -> dict[str, Plugin]:
    """All installed plugins by name, in alphabetical order."""
    return dict(_installed(tuple(map(_changed, sys.path))))


def _changed(folder: str) -> tuple[str, int]:
    """A folder of the path, and when something last came into it or left it; 0 for what is none."""
    place = os.path.abspath(folder)
    try:
        return place, os.stat(place).st_mtime_ns
    except OSError:
        return place, 0


@lru_cache(maxsize=1)
def _installed(path: tuple[tuple[str, int], ...]) -> dict[str, Plugin]:
    """The plugins in these folders. All packages are read for it, and a verb asks several times."""
    import entrypoints

    found: dict[str, Plugin] = {}
    for entry in entrypoints.get_group_all(GROUP, path=[place for place, _ in path]):
        name, version = (entry.distro.name, entry.distro.version or "") if entry.distro else ("unknown", "")
        new = Plugin(entry.name, entry.module_name, entry.object_name, name, version)
        first = found.setdefault(entry.name, new)
        if _is_another(new, first) and new.package not in first.rivals:
            found[entry.name] = replace(first, rivals=(*first.rivals, new.package))
    return dict(sorted(found.items()))


def _is_another(one: Plugin, other: Plugin) -> bool:
    """Whether two entry points of one name bring different classes of different packages.

    A package in its own folder is often found twice: as the installer spells it and as its folder does, or by the name
    that it had before.
    """
    packages = {re.sub(r"[-_.]+", "-", each.distribution).lower() for each in (one, other)}
    return len(packages) == 2 and (one.module, one.attribute) != (other.module, other.attribute)


def plugin(name: str) -> Plugin:
    """The plugin of this name. Raises UsageError that names the nearest ones."""
    installed = plugins()
    if name in installed:
        return installed[name]
    hint = did_you_mean(name, installed, most=2, cutoff=0.5)
    known = ", ".join(installed) or "none"
    said = f'there is no model "{name}". {hint}'.rstrip()
    raise UsageError(f"{said} Installed: {known}. See: gantool models")
