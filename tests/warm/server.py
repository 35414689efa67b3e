"""A process that has torch and gantool imported and forks one process a command. Run by `tests/warm/__init__.py`.

A forked process is as a fresh `gantool` would be: its own arguments, folder, environment, PYTHONPATH, umask, limits,
standard streams and exit. It only finds its modules imported. What cannot be given afterwards, such as another
OMP_NUM_THREADS, is left to the real command, which then takes the process's place.

    python server.py LISTENER GANTOOL

LISTENER is the number of a listening socket, GANTOOL the real command. The end of stdin ends the server.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import resource
import select
import signal
import socket
import sys

MODULES = (
    "gantool",
    "gantool.cli.main",
    "torch._dynamo",  # the first optimiser imports it, in a second
    "torch._inductor.config",
    "torch.distributed",
    "safetensors.torch",
    "numpy",
    "PIL.Image",
    "onnx",
    "onnxscript",
)
AT_START = re.compile(r"(PYTHON(?!PATH$)|OMP_|MKL_|OPENBLAS_|LD_|LC_|LANG|TORCH|PYTORCH|CUDA|MALLOC)")
"""How the names of variables begin that a process reads while it starts."""


def main(listener: socket.socket, real: str) -> list[str]:
    """Serves until stdin ends. In a process of its own for each command, it returns the command's arguments."""
    for module in MODULES:
        importlib.import_module(module)
    threads = os.listdir("/proc/self/task")
    assert len(threads) == 1, "a process with threads must not fork"
    path = list(sys.path[1:])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no keeper is waited for
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        connection, _ = listener.accept()
        streams, request = receive(connection)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            command = os.fork()
            if command == 0:
                connection.close()
                return become(request, streams, path, real)
            keep(command, connection, streams)
        connection.close()
        for stream in streams:
            os.close(stream)


def receive(connection: socket.socket) -> tuple[list[int], dict]:
    """The three standard streams, and what else there is to know: a line of JSON."""
    line, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    while not line.endswith(b"\n"):
        line += connection.recv(1 << 16)
    return streams, json.loads(line)


def keep(command: int, connection: socket.socket, streams: list[int]) -> None:
    """Passes signals on to the command and its exit status back. A client that is gone ends it."""
    for stream in streams:
        os.close(stream)
    end = os.pidfd_open(command)
    while True:
        ready, _, _ = select.select([end, connection], [], [])
        if end in ready:
            _, status = os.waitpid(command, 0)
            connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
            os._exit(0)
        numbers = connection.recv(16)
        for number in numbers or [signal.SIGKILL]:
            os.kill(command, number)
        if not numbers:
            os._exit(0)


def become(request: dict, streams: list[int], path: list[str], real: str) -> list[str]:
    """Makes this process what the request says; returns the command's arguments."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    for limit, values in request["limits"]:
        if resource.getrlimit(limit) != tuple(values):
            resource.setrlimit(limit, values)
    environment = request["environment"]
    if at_start(environment) != at_start(dict(os.environ)):
        os.execve(real, [real, *request["arguments"]], environment)
    os.environ.clear()
    os.environ.update(environment)
    named = environment.get("PYTHONPATH", "")
    sys.path[:] = [os.path.dirname(real), *(os.path.abspath(each) for each in named.split(os.pathsep) if each), *path]
    sys.argv[:] = [real, *request["arguments"]]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode = "r" if number == 0 else "w"
        lines = number == 2 or os.isatty(number)
        errors = "backslashreplace" if number == 2 else None
        raw = open(number, f"{mode}b", closefd=False)
        stream = io.TextIOWrapper(raw, errors=errors, line_buffering=lines)
        stream.mode = mode
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    return request["arguments"]


def at_start(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if AT_START.match(name)}


if __name__ == "__main__":
    arguments = main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
    from gantool.cli.main import main as gantool

    sys.exit(gantool())
