"""`gantool` without the seconds in which it imports torch: a process of its own for each command, forked from one
that has everything imported.

For tests whose subject is what a command does. Those of its start, of signals at any moment and of several processes
run the real command.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
REAL = Path(sys.executable).parent
"""The folder of the real `gantool`."""


@contextmanager
def commands(folder: Path) -> Iterator[Path]:
    """A folder for PATH with a `gantool` that forks. Outside Linux it is that of the real one."""
    if sys.platform != "linux":
        yield REAL
        return
    name = f"gantool-tests-{uuid.uuid4()}"
    stub = folder / "gantool"
    # Without a number of threads it gets the server's: with another one the real command takes its place.
    threads = 'export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"'
    stub.write_text(f'#!/bin/sh\n{threads}\nexec {sys.executable} -ISE {HERE / "client.py"} {name} "$@"\n')
    stub.chmod(0o755)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with socket.socket(socket.AF_UNIX) as listener, (folder / "server.log").open("w") as log:
        listener.bind(f"\0{name}")
        listener.listen(64)
        server = subprocess.Popen(
            [sys.executable, HERE / "server.py", str(listener.fileno()), REAL / "gantool"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    try:
        yield folder
    finally:
        server.stdin.close()
        server.wait()
