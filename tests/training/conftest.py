"""Trainings in processes beside the test."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable

import pytest


@pytest.fixture
def launch(commands, tmp_path) -> Callable[..., subprocess.Popen[str]]:
    """`launch("train", ...)`: a process of `gantool` in tmp_path, or of `program="python"`; stdout has all it says."""

    def begin(
        *words: str, program: str = "gantool", env: dict[str, str] | None = None, **more
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [commands / program, *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
            **more,
        )

    return begin


def free_port() -> int:
    """A port that nobody listens at, and that no system gives to another test's server or browser before it is used:
    below those that systems give by themselves (32768 and up on Linux, 49152 elsewhere), another one for each process.
    """
    for port in range(20_000 + os.getpid() % 12_000, 32_768):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


@pytest.fixture
def both(launch) -> Callable[..., list[subprocess.Popen[str]]]:
    """`both("train", ...)`: two processes that train together, as torchrun would start them."""

    def begin(*words: str, **more) -> list[subprocess.Popen[str]]:
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
        return [launch(*words, env={"RANK": rank, "LOCAL_RANK": rank, **place}, **more) for rank in "01"]

    return begin
