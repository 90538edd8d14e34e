"""A loopback stand-in for the hub's side of an upload: repositories of small files in memory."""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_" + "p" * 34
READ_ONLY = "hf_" + "r" * 34


class UploadHub(ThreadingHTTPServer):
    """Serves one user, ``me``, whose token is TOKEN.

    Attributes:
        repositories: ``{"private": bool, "files": {name: bytes}}`` of each repository by its name.
        broken: Whether commits end with an error of the server.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, dict[str, Any]] = {}
        self.broken = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: UploadHub

    def _send(self, status: int, body: Any, **head: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**head, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _refused(self, *tokens: str) -> int:
        """The status for a token that is none of these; 0 for one of them."""
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return 0 if given in tokens else 403 if given in (TOKEN, READ_ONLY) else 401

    def do_HEAD(self) -> None:
        self._send(200, None)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        name = path.removeprefix("/api/models/").partition("/tree/")[0]
        found = self.server.repositories.get(name)
        if path == "/api/whoami-v2":
            status = self._refused(TOKEN, READ_ONLY)
            self._send(status or 200, {"name": "me", "type": "user"})
        elif found is None:
            self._send(404, {"error": "no"}, **{"X-Error-Code": "RepoNotFound"})
        elif "/tree/" in path:
            sizes = {file: len(data) for file, data in found["files"].items()}
            kind = {"type": "file", "oid": "0" * 40}
            self._send(200, [{**kind, "path": file, "size": size} for file, size in sizes.items()])
        else:
            files = [{"rfilename": file} for file in found["files"]]
            self._send(200, {"id": name, "private": found["private"], "siblings": files})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name, _, verb = self.path.removeprefix("/api/models/").partition("/")
        second, _, verb = verb.partition("/")
        if self.path == "/api/validate-yaml":
            self._send(200, {"errors": [], "warnings": []})
        elif status := self._refused(TOKEN):
            given = self.headers.get("Authorization")
            self._send(status, {"error": f"not with {given}"})
        elif self.path == "/api/repos/create":
            self._send(200, {"url": f"{self.server.address}/{self._made(json.loads(body))}"})
        elif verb.startswith("preupload/"):
            paths = [one["path"] for one in json.loads(body)["files"]]
            kind = {"uploadMode": "regular", "shouldIgnore": False}
            self._send(200, {"files": [{**kind, "path": path} for path in paths]})
        elif self.server.broken:
            self._send(400, {"error": "out of order"})
        else:
            self._commit(f"{name}/{second}", body)
            url = f"{self.server.address}/{name}/{second}/commit/{'2' * 40}"
            self._send(200, {"success": True, "commitUrl": url, "commitOid": "2" * 40})

    def _made(self, asked: dict[str, Any]) -> str:
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self.server.repositories[name] = {"private": private, "files": {".gitattributes": b""}}
        return name

    def _commit(self, name: str, body: bytes) -> None:
        files = self.server.repositories[name]["files"]
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                files.pop(value["path"], None)

    def log_message(self, *args: object) -> None:
        pass
