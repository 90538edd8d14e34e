"""The server's HTTP: GraphQL, file stream, storage; what it received, and how it misbehaves."""

import gzip
import json
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

from tests.wandb_server.graphql import execute
from tests.wandb_server.operations import Root
from tests.wandb_server.records import Records
from tests.wandb_server.schema import ENTITY

KEY = "f00d" * 10  # any key of 40 characters will do


class Received(NamedTuple):
    """One request, its body unpacked and its key left out."""

    method: str
    path: str
    headers: str
    body: bytes


PATIENCE = 5.0  # seconds


@dataclass
class Trouble:
    """An answer that is not the right one, to those requests whose path holds ``where``."""

    kind: int | Literal["hang"]
    left: int | None
    where: str


class Server(Records):
    """Answers at ``url`` from ``with`` on.

    Attributes:
        received: every request, those that were not answered as well.
        refused: how many requests met with trouble.
        unknown: what was asked for and is not there, as Type.field.
        errors: what went wrong inside.
    """

    entity = ENTITY

    def __init__(self) -> None:
        super().__init__()
        self.received: list[Received] = []
        self.unknown: set[str] = set()
        self.errors: list[str] = []
        self.refused = 0
        self._trouble: Trouble | None = None
        self._lock, self._answering = threading.RLock(), threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> "Server":
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.behave()
        self._http.shutdown()
        self._http.server_close()

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which a client finds the server."""
        waits = {
            f"WANDB__{kind}_RETRY_WAIT_{end}_SECONDS": seconds
            for kind in ("FILE_STREAM", "FILE_TRANSFER", "GRAPHQL")
            for end, seconds in (("MIN", "0.1"), ("MAX", "0.5"))  # a test has no minutes
        }
        return {
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": KEY,
            "WANDB_ERROR_REPORTING": "false",
            "WANDB__FILE_STREAM_TRANSMIT_INTERVAL": "0.3",
            **waits,
        }

    def misbehave(
        self, kind: int | Literal["hang"], times: int | None = None, where: str = ""
    ) -> None:
        """Answer with a status, or not at all, ``times`` times or until ``behave``.

        One of so many that are not answered is closed after ``PATIENCE``: the client sends some
        requests without a limit of its own, and would never come to the next.
        """
        self._answering.clear()
        self._trouble = Trouble(kind, times, where)

    def behave(self) -> None:
        """Answer again; the connections that were left waiting are closed."""
        self._trouble = None
        self._answering.set()

    def trouble_with(self, path: str) -> int | Literal["hang"] | None:
        with self._lock:
            trouble = self._trouble
            if trouble is None or trouble.where not in path or trouble.left == 0:
                return None
            if trouble.left is not None:
                trouble.left -= 1
            self.refused += 1
            return trouble.kind

    def wait(self) -> None:
        trouble = self._trouble
        self._answering.wait(PATIENCE if trouble and trouble.left is not None else None)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and content for one request."""
        with self._lock:
            try:
                return self._answer(method, path, body)
            except Exception as error:
                self.errors.append(f"{method} {path}: {error!r}")
                return 400, json.dumps({"errors": [{"message": repr(error)}]}).encode()

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        place, _, key = path.lstrip("/").partition("/")
        if place == "storage" and method == "PUT":
            self.store(unquote(key), body)
            return 200, b""
        if place == "storage" and unquote(key) in self.blobs:
            return 200, self.blobs[unquote(key)]
        if path == "/graphql":
            asked = json.loads(body)
            root = Root(self, self.url)
            data = execute(asked["query"], asked.get("variables") or {}, root, self.unknown)
            return 200, json.dumps({"data": data}).encode()
        if stream := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", path):
            self.runs[unquote(stream[1])].stream(json.loads(body))
            return 200, b"{}"
        return 404, b"{}"


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def _read(self) -> bytes:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            packed = self.headers.get("Content-Encoding") == "gzip"
            return gzip.decompress(body) if packed else body

        def _handle(self) -> None:
            body, path = self._read(), self.path.partition("?")[0]
            shown = [f"{k}: {v}" for k, v in self.headers.items() if k != "Authorization"]
            server.received.append(Received(self.command, self.path, "\n".join(shown), body))
            trouble = server.trouble_with(path)
            if trouble == "hang":
                server.wait()
                self.close_connection = True
                return
            status, content = (
                (trouble, b"{}") if trouble else server.answer(self.command, path, body)
            )
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _handle

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client is gone, such as killed
                super().handle()

    return Handler
