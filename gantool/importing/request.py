"""The words of a person for an import, and what can be told of them early. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gantool import registry
from gantool.errors import UsageError, argument
from gantool.files import check_folder
from gantool.importing import kinds
from gantool.spec import check_domains


@dataclass(frozen=True, kw_only=True)
class Request:
    """The words of a person, before anything is checked."""

    files: tuple[Path, ...]
    """Official checkpoint files of one training."""
    out: Path
    """Run folder to make."""
    model: str | None = None
    """The model; None finds it out."""
    domains: tuple[str, ...] | None = None
    """Names of the domains, in the plugin's order; None for the plugin's own."""
    licence: str | None = None
    """Licence of the weights; None for the one that the plugin knows."""


def check(request: Request) -> None:
    """Raises UsageError, DataError or CheckpointError for the first word that is wrong."""
    if request.out.exists():
        raise UsageError(f"{request.out} exists already: choose another folder with {argument('out')}")
    if not request.files:
        raise UsageError("which files? Name the official checkpoint files of one training")
    if request.model is not None:
        registry.plugin(request.model)
    if request.domains is not None:
        check_domains(request.domains)
    for path in request.files:
        if not kinds.is_safetensors(path):
            kinds.check(path)
    check_folder(request.out)
