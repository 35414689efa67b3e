"""The hub as gantool meets it: what a repository holds, and its refusals in one line each."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gantool.errors import CheckpointError, DataError, GantoolError
from gantool.report.card import CARD
from gantool.runs.folders import STATE, WEIGHTS
from gantool.runs.remote import Repository, need_hub
from gantool.schema import first_line
from gantool.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

PATIENCE = 60.0
"""Seconds that a part of an answer may take, or a part of a file to be sent."""
SAMPLE = re.compile(r"samples/\d{1,20}\.png")
"""The names of sample grids in a repository."""
SMALL = 50_000_000
"""A card or a sample grid of more bytes is none of ours."""
_TOKEN = "hf auth login stores another, HF_TOKEN may hold one"


@dataclass(frozen=True)
class Listing:
    """What a repository holds at a revision."""

    commit: str
    private: bool
    sizes: Mapping[str, int]
    """Bytes of each file by its path."""

    @property
    def ours(self) -> list[str]:
        """The files that gantool reads, weights first: no other is ever fetched."""
        small = [path for path in sorted(self.sizes) if path == CARD or SAMPLE.fullmatch(path)]
        there = [path for path in (WEIGHTS, STATE) if path in self.sizes]
        return there + [path for path in small if self.sizes[path] <= SMALL]


def connect() -> HfApi:
    """The hub at HF_ENDPOINT, with the person's token. Raises UsageError where its package is not installed."""
    need_hub()
    from huggingface_hub import HfApi

    return HfApi(library_name="gantool", library_version=__version__)


def listing(api: HfApi, place: Repository) -> Listing:
    """Asks what a repository holds. Raises what the hub's package raises: use it inside `honest`."""
    info = api.model_info(place.name, revision=place.revision, files_metadata=True, timeout=PATIENCE)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    return Listing(str(info.sha), bool(info.private), sizes)


@contextmanager
def honest(api: HfApi, place: Repository) -> Iterator[None]:
    """Inside, what goes wrong with the hub is a CheckpointError of one line, and with the disk a DataError.

    The hub's package says nothing of its own there.
    """
    try:
        with _silent(), _patient():
            yield
    except GantoolError:
        raise
    except Exception as error:
        told = _told(error, api.endpoint, place)
        if told is None:
            raise
        raise told from error


@contextmanager
def _silent() -> Iterator[None]:
    from huggingface_hub import logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    level, bars = logging.get_verbosity(), not are_progress_bars_disabled()
    logging.set_verbosity_error()
    disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            enable_progress_bars()


@contextmanager
def _patient() -> Iterator[None]:
    """Inside, requests that name no limit of their own have ours: the hub's package waits for ever for an answer.

    It makes its client anew after a broken connection, so the limit belongs to what makes them.
    """
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    # A caller's own, perhaps: the package has no public word for it.
    make = getattr(_http, "_GLOBAL_CLIENT_FACTORY", _http.default_client_factory)

    def patient() -> Any:
        client = make()
        client.timeout = PATIENCE
        return client

    set_client_factory(patient)
    try:
        yield
    finally:
        set_client_factory(make)


def _told(error: Exception, endpoint: str, place: Repository) -> GantoolError | None:
    from huggingface_hub import errors

    at = f"the hub at {endpoint}"
    if isinstance(error, errors.GatedRepoError):
        return CheckpointError(f"{place.name} asks for consent first: give it at {endpoint}/{place.name}")
    if isinstance(error, errors.RepositoryNotFoundError):
        return CheckpointError(f"there is no {place.name} on {at}, or it is private and your token does not open it")
    if isinstance(error, errors.RevisionNotFoundError):
        return CheckpointError(f"{place.name} on {at} has no revision {place.revision}")
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        if status == 401:
            return CheckpointError(f"{at} refuses your token: {_TOKEN}")
        if status == 403:
            act = "read" if error.response.request.method in ("GET", "HEAD") else "write to"
            return CheckpointError(f"{at} does not let you {act} {place.name}: it needs a token with that right")
        if status in (409, 412):
            return CheckpointError(f"{place.name} was changed on {at} meanwhile, and stays as it is: push again")
        said = error.server_message or first_line(error)
        return CheckpointError(f"{at} answers {status} for {place.name}: {said.splitlines()[0][:200]}")
    if isinstance(error, errors.OfflineModeIsEnabled):
        return CheckpointError(f"{at} is not asked: HF_HUB_OFFLINE is set")
    # Whatever client the hub's package has, its errors are of one base with those of the hub's.
    kinds = (errors.LocalEntryNotFoundError, errors.HfHubHTTPError.__bases__[0])
    if isinstance(error, kinds) or "Consistency check" in str(error):
        remedy = "look at the network and at HF_ENDPOINT, and try again"
        return CheckpointError(f"cannot reach {at}: {_why_unreached(error)}: {remedy}")
    if isinstance(error, OSError):
        return DataError(f"{error.filename or place}: {error.strerror or first_line(error)}")
    return None


def _why_unreached(error: BaseException) -> str:
    """What the system says in the end, below all that the hub's package and its client make of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "its name is not known"
        if isinstance(cause, ConnectionRefusedError):
            return "nothing answers there"
        if isinstance(cause, TimeoutError):
            return "it does not answer in time"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror[:200]
        cause = cause.__cause__ or cause.__context__
    return first_line(error).rstrip(".")[:200]
