"""Stands for `gantool` or `python` in tests: hands arguments, streams and surroundings to a server that forks.

python -ISE client.py ADDRESS PROGRAM ARGUMENTS...
"""

import json
import os
import resource
import signal
import socket
import sys

connection = socket.socket(socket.AF_UNIX)
os.umask(umask := os.umask(0))
limits = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
request = {
    "program": sys.argv[2],
    "arguments": sys.argv[3:],
    "cwd": os.getcwd(),
    "environment": dict(os.environ),
    "umask": umask,
    "limits": [(limit, resource.getrlimit(limit)) for limit in limits],
}
connection.connect(f"\0{sys.argv[1]}")
line = json.dumps(request).encode() + b"\n"
sent = socket.send_fds(connection, [line], [0, 1, 2])
connection.sendall(line[sent:])
# Only now: the number of a signal may not stand within the request.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU):
    signal.signal(number, lambda number, frame: connection.send(bytes([number])))
answer = b""
while not answer.endswith(b"\n"):
    part = connection.recv(16)
    if not part:
        sys.exit("the server of tests/warm is gone: its log says why")
    answer += part
code = int(answer)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
