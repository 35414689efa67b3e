"""A process that has torch and gantool imported and forks one process a command. Run by `tests/warm/__init__.py`.

A forked process is as a fresh `gantool`, or `python -c CODE`, would be: its own arguments, folder, environment,
PYTHONPATH, umask, limits and standard streams. It only finds its modules imported, and does not take them apart when it
ends. What cannot be given afterwards, such as another OMP_NUM_THREADS, is left to the real command, which then takes
the process's place.

    python server.py LISTENER REAL

LISTENER is the number of a listening socket, REAL the folder of the real commands. The end of stdin ends the server.
"""

from __future__ import annotations

import atexit
import functools
import gc
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
import threading
import traceback
import types
from collections.abc import Mapping

MODULES = (
    "gantool.cli.main",
    "torch._dynamo",  # the first optimiser imports it, in a second
    "torch._inductor.config",
    "torch.distributed",
    "safetensors.torch",
    "numpy",
    "PIL.Image",
    "onnx",
    "onnxscript",
    "rich.progress",
    "gantool.api",
    "gantool.training.building",
    "gantool.training.session",
    "gantool.evaluation.validation",
    "gantool.export.checked",
    "torch.onnx._internal.exporter._core",
    "networkx",
    "jinja2",
    "PIL.PngImagePlugin",
    "PIL.JpegImagePlugin",
)
AT_START = re.compile(
    r"(PYTHON(?!PATH$)|OMP_|MKL_|OPENBLAS_|LD_|LC_|LANG|TORCH(?!INDUCTOR_CACHE_DIR$)|PYTORCH|CUDA|MALLOC)"
)
"""How the names of variables begin that a process reads while it starts. The folder of torch's compiler is read when it
is used, and torch itself writes it into the environment of whoever exports a network.
"""


def serve(listener: socket.socket, real: str) -> str:
    """Serves until stdin ends. In a process of its own for each command, it returns where the command begins, with the
    name of the program.
    """
    at_start = _at_start(os.environ)
    for module in MODULES:
        importlib.import_module(module)
    _prepare()
    assert len(os.listdir("/proc/self/task")) == 1, "a process with threads must not fork"
    gc.freeze()  # what is here now is never looked at again, so that processes go on sharing it
    path = sys.path[1:]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no keeper is waited for
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        connection, _ = listener.accept()
        try:
            request, streams = _receive(connection)
        except EOFError:
            connection.close()
            continue
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            command = os.fork()
            if command:
                _keep(command, connection, streams)
            connection.close()
            _surround(request, streams)
            program = os.path.join(real, request["program"])
            if _at_start(request["environment"]) != at_start:
                os.execve(program, [program, *request["arguments"]], request["environment"])
            _dress(request, path, program)
            return request["program"]
        connection.close()
        for stream in streams:
            os.close(stream)


def _prepare() -> None:
    """What takes every command a tenth of a second, and every export half a one, is done here once; as for shapes, see
    the fixture `one_exporter`.
    """
    import typer.main
    from torch._dynamo import config
    from torch.onnx._internal._lazy_import import onnxscript_apis

    from gantool.cli.main import app

    typer.main.get_command = functools.cache(typer.main.get_command)
    typer.main.get_command(app)
    onnxscript_apis.get_torchlib_ops = functools.cache(onnxscript_apis.get_torchlib_ops)
    onnxscript_apis.get_torchlib_ops()
    config.fake_tensor_cache_enabled = False


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if AT_START.match(name)}


def _receive(connection: socket.socket) -> tuple[dict, list[int]]:
    """A line of JSON, and the three standard streams. Raises EOFError for a client that was killed meanwhile."""
    line, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    while not line.endswith(b"\n"):
        if not (part := connection.recv(1 << 16)):
            for stream in streams:
                os.close(stream)
            raise EOFError
        line += part
    return json.loads(line), streams


def _keep(command: int, connection: socket.socket, streams: list[int]) -> None:
    """Passes signals on to the command, and its exit status back. A client that is gone ends it. Does not return."""
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


def _surround(request: dict, streams: list[int]) -> None:
    """Gives this process the streams, folder, umask and limits of the client."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    for limit, values in request["limits"]:
        if resource.getrlimit(limit) != tuple(values):
            resource.setrlimit(limit, values)


def _dress(request: dict, path: list[str], program: str) -> None:
    """Makes Python look as if it had just started the real command: environment, arguments, path and streams."""
    os.environ.clear()
    os.environ.update(request["environment"])
    named = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    is_python = request["program"] == "python"
    sys.path[:] = ["" if is_python else os.path.dirname(program), *map(os.path.abspath, named), *path]
    sys.argv[:] = request["arguments"] if is_python else [program, *request["arguments"]]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        raw = io.FileIO(number, "w" if number else "r", closefd=False)
        binary = io.BufferedWriter(raw) if number else io.BufferedReader(raw)
        errors = "backslashreplace" if name == "stderr" else None
        stream = io.TextIOWrapper(binary, errors=errors, line_buffering=name == "stderr" or raw.isatty())
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _leave(status: object) -> None:
    """Ends the process as Python does, but for taking apart what it did not make."""
    if isinstance(status, str):
        print(status, file=sys.stderr)
    code = status if isinstance(status, int) else 0 if status is None else 1
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        code = 120  # as Python does
    sys.stderr.flush()
    os._exit(code & 255)


def _run(program: str) -> None:
    """The command itself. Of `python -c CODE ARGUMENTS...` sys.argv has all but the first word."""
    if program == "gantool":
        from gantool.cli.main import main

        main()
    else:
        code = sys.argv.pop(1)
        sys.modules["__main__"] = fresh = types.ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), fresh.__dict__)


if __name__ == "__main__":
    program = serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
    try:
        _run(program)
        end: object = None
    except SystemExit as exit_:
        end = exit_.code
    except BaseException:
        traceback.print_exc()
        end = 1
    _leave(end)
