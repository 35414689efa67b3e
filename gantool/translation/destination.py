"""Where the files of one command go, and the note that gantool wrote them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from gantool.errors import DataError
from gantool.files import reason, write_atomically
from gantool.pictures.results import Recorder
from gantool.translation.jobs import Job, key
from gantool.translation.outbox import Outbox
from gantool.translation.request import Plan


class Puts(Protocol):
    """What puts files in their places: a `Destination`, or one in another process that is asked."""

    def claim(self, path: Path, job: Job) -> None:
        """See `Destination.claim`."""

    def put(self, job: Job, path: Path | None, data: bytes) -> str:
        """See `Destination.put`."""

    def put_map(self, job: Job, path: Path, data: bytes) -> None:
        """See `Destination.put_map`."""


class Destination:
    """Puts results and what lies beside them in their places. Several threads may use it at once."""

    def __init__(self, plan: Plan, outbox: Outbox | None, in_place: Callable[[], object]) -> None:
        """`outbox` None is for a result that goes to stdout. `in_place` is called for each result that is in its place,
        from any thread.
        """
        self._plan, self._outbox, self._in_place = plan, outbox, in_place
        self._owners = dict(plan.outputs.owners)
        self._results = Recorder(plan.outputs.root or Path())
        self._maps = Recorder(plan.request.attention or Path())
        self.streamed: list[bytes] = []
        """Results for stdout."""

    def claim(self, path: Path, job: Job) -> None:
        """Takes this name for one of the job's files. Raises DataError where it is another picture's, or an input."""
        owner = self._owners.setdefault(key(path), job.source.name)
        if owner != job.source.name:
            raise DataError(
                f"{job.source.name}: {path} would be written, but is for {owner}: translate it apart from the rest"
            )

    def put(self, job: Job, path: Path | None, data: bytes) -> str:
        """Puts a result (None: to stdout) or a style code in its place and returns its SHA-256.

        Raises DataError for an impossible path, OutputRefusedError where the disk refuses.
        """
        digest = hashlib.sha256(data).hexdigest()
        if path is None or self._outbox is None:
            self.streamed.append(data)
        else:
            self._outbox.write(path, data)
            if path != job.code:
                self._in_place()
            self._note(self._results, job, path, digest)
        return digest

    def put_film(self, job: Job, path: Path, whole: Path) -> str:
        """Moves a whole file, on the same disk, to its place and returns its SHA-256. Raises DataError."""
        try:
            with whole.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.replace(whole, path)
        except OSError as error:
            raise DataError(f"cannot write {path}: {reason(error, path.parent)}") from error
        self._in_place()
        self._note(self._results, job, path, digest)
        return digest

    def put_map(self, job: Job, path: Path, data: bytes) -> None:
        """Puts a map in its folder, which is made if need be. Raises DataError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot write {path}: {reason(error, path.parent)}") from error
        write_atomically(path, data)
        self._note(self._maps, job, path, hashlib.sha256(data).hexdigest())

    def close(self) -> None:
        """Lets go of the records."""
        self._results.close()
        self._maps.close()

    def _note(self, record: Recorder, job: Job, path: Path, sha256: str) -> None:
        record.note(path, job.source.picture, job.source.relative, self._plan.how[job.variant], sha256)
