"""`gantool` and `python -c CODE` without the seconds in which they import torch: a process of its own for each command,
forked from one that has everything imported.

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
"""The folder of the real `gantool` and `python`."""


@contextmanager
def commands(folder: Path) -> Iterator[Path]:
    """A folder for PATH with a `gantool` and a `python` that fork; `python` without `-c` is the real one. Outside Linux
    it is the folder of the real ones.
    """
    if sys.platform != "linux":
        yield REAL
        return
    name = f"gantool-tests-{uuid.uuid4()}"
    # Without a number of threads it gets the server's: with another one the real command takes its place.
    threads = 'export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"'
    for program, before in (("gantool", ""), ("python", f'[ "$1" = -c ] || exec {sys.executable} "$@"\n')):
        stub = folder / program
        fork = f'exec {sys.executable} -ISE {HERE / "client.py"} {name} {program} "$@"'
        stub.write_text(f"#!/bin/sh\n{before}{threads}\n{fork}\n")
        stub.chmod(0o755)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with socket.socket(socket.AF_UNIX) as listener, (folder / "server.log").open("w") as log:
        listener.bind(f"\0{name}")
        listener.listen(64)
        server = subprocess.Popen(
            [sys.executable, HERE / "server.py", str(listener.fileno()), REAL],
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
