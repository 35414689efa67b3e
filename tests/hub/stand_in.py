"""A small stand-in of the hub's HTTP interface, on the loopback alone: what gantool asks of it, and no more."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_right"
LARGEST = 8_000_000
"""Bytes that a request may have."""


@dataclass
class Repository:
    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0

    @property
    def commit(self) -> str:
        return hashlib.sha1(f"{self.commits} {sorted(self.files)}".encode()).hexdigest()


@dataclass
class Hub:
    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    mute: str = ""
    """Requests to paths that end so are never answered."""
    over: threading.Event = field(default_factory=threading.Event)
    before_commit: Callable[[Repository], None] | None = None
    """What somebody else does to a repository while a commit is on its way."""


@contextmanager
def running() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def _answer(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, table: object) -> None:
        self._answer(200, json.dumps(table).encode(), Content_Type="application/json")

    def do_GET(self) -> None:
        self._do(b"")

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        assert length < LARGEST
        self._do(self.rfile.read(length))

    do_PUT = do_POST  # noqa: N815

    def _do(self, body: bytes) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        if self.hub.mute and path.endswith(self.hub.mute):
            self.hub.over.wait()
            self.close_connection = True
            return
        given = self.headers.get("Authorization", "")
        if given not in ("", f"Bearer {TOKEN}") and not path.startswith("/lfs/"):
            self._answer(401, X_Error_Message="Invalid credentials in Authorization header")
            return
        if path == "/api/agent-harnesses":  # the hub's package asks who calls it
            self._answer(404)
        elif path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if asked["organization"] != "me":
                self._answer(403, X_Error_Message=f"You don't have the rights to create a model under {name}")
                return
            private = asked.get("visibility") == "private" or bool(asked.get("private"))
            self.hub.repositories[name] = Repository(private)
            self._json({"url": f"{self.hub.url}/{name}"})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path.startswith("/lfs/"):
            assert hashlib.sha256(body).hexdigest() == path.removeprefix("/lfs/")
            self.hub.objects[path.removeprefix("/lfs/")] = body
            self._answer(200)
        else:
            self._of_a_repository(path, body, bool(given))

    def _of_a_repository(self, path: str, body: bytes, known: bool) -> None:
        if "/kept/" in f"{path}/":  # a repository that the token's rights do not reach
            self._answer(403, X_Error_Message="Your token does not reach this repository")
            return
        found = re.match(r"/(?:api/models/)?([^/]+/[^/]+?)(?:\.git)?/(\w+)(?:/([^/]+))?(?:/(.*))?$", path)
        assert found, path
        name, verb, revision, rest = found.groups()
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not known):
            self._answer(404, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
            return
        if verb in ("revision", "resolve") and revision not in ("main", repository.commit):
            self._answer(404, X_Error_Code="RevisionNotFound", X_Error_Message=f"Invalid rev id: {revision}")
        elif verb == "revision":
            files = [{"rfilename": file, "size": len(data)} for file, data in repository.files.items()]
            table = {"id": name, "sha": repository.commit, "private": repository.private, "siblings": files}
            self._json({**table, "tags": [], "downloads": 0})
        elif verb == "resolve":
            data = repository.files[rest]
            etag = f'"{hashlib.sha1(data).hexdigest()}"'
            self._answer(200, data, ETag=etag, X_Repo_Commit=repository.commit)
        elif verb == "preupload":
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith((".safetensors", ".png")) else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            self._json({"files": modes})
        elif verb == "info":
            objects = json.loads(body)["objects"]
            for one in objects:
                one["actions"] = {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}"}}
            self._json({"transfer": "basic", "objects": objects})
        elif verb == "commit":
            lines = [json.loads(line) for line in body.splitlines()]
            if self.hub.before_commit is not None:
                self.hub.before_commit(repository)
            if lines[0]["value"].get("parentCommit", repository.commit) != repository.commit:
                self._answer(412, X_Error_Message="A commit has happened since. Please refresh and try again.")
                return
            for line in lines:
                value = line["value"]
                if line["key"] == "file":
                    repository.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    repository.files[value["path"]] = self.hub.objects[value["oid"]]
                elif line["key"] == "deletedFile":
                    del repository.files[value["path"]]
            repository.commits += 1
            url = f"{self.hub.url}/{name}/commit/{repository.commit}"
            self._json({"success": True, "commitUrl": url, "commitOid": repository.commit})
        else:
            raise AssertionError(path)
