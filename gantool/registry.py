"""Which models are installed: entry points of the group `gantool.models`, read without importing a plugin."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gantool.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from gantool.model import Model

GROUP = "gantool.models"


@dataclass(frozen=True)
class Plugin:
    """One entry point: nothing of the plugin has been imported."""

    name: str
    """What people type: `gantool train NAME`."""
    module: str
    attribute: str
    distribution: str
    """The installed package that brings it."""
    version: str

    def presets(self) -> dict[str, Path]:
        """The YAML files that the plugin ships in `presets/`, by name. Nothing is imported for it."""
        try:
            spec = importlib.util.find_spec(self.module)
        except (ImportError, ValueError):
            spec = None
        folders = [Path(folder) / "presets" for folder in (spec.submodule_search_locations or [])] if spec else []
        return {file.stem: file for folder in folders for file in sorted(folder.glob("*.yaml"))}

    def load(self) -> type[Model]:
        """Imports the plugin. Raises CheckpointError with the plugin's own error if that fails."""
        from gantool.model import Model

        try:
            found = getattr(importlib.import_module(self.module), self.attribute)
        except Exception as error:
            raise CheckpointError(
                f"the plugin {self.name} of {self.distribution} {self.version} cannot be imported:"
                f" {type(error).__name__}: {error}"
            ) from error
        if not (isinstance(found, type) and issubclass(found, Model)):
            raise CheckpointError(
                f"the plugin {self.name} names {self.module}:{self.attribute}, which is no gantool.model.Model"
            )
        return found


def plugins() -> dict[str, Plugin]:
    """All installed plugins by name, in alphabetical order. The first distribution on the path wins a name."""
    import entrypoints

    found: dict[str, Plugin] = {}
    for entry in entrypoints.get_group_all(GROUP):
        name, version = (entry.distro.name, entry.distro.version) if entry.distro else ("unknown", "")
        found.setdefault(entry.name, Plugin(entry.name, entry.module_name, entry.object_name, name, version))
    return dict(sorted(found.items()))


def plugin(name: str) -> Plugin:
    """The plugin of this name. Raises UsageError that names the nearest ones."""
    installed = plugins()
    if name in installed:
        return installed[name]
    near = difflib.get_close_matches(name, installed, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(
        f'there is no model "{name}". {hint}Installed: {", ".join(installed) or "none"}. See: gantool models'
    )
