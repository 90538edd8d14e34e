"""What stands before the application: whom it serves, and a line for each request."""

import ipaddress
import json
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_NAMES = ("localhost",)


class Gate:
    """Refuses what a page of another site sends through a browser, and counts the requests.

    A browser sends such a page's requests without asking the server (only the answer is kept from
    the page), so the header ``Origin`` must name this server. A server for this machine alone
    answers to no other name than the machine's own: a name of a foreign site may be made to lead
    here.

    Args:
        app: The application.
        local: Whether the server is for this machine alone.
        quiet: Whether requests print no line.
    """

    def __init__(self, app: Any, local: bool, quiet: bool) -> None:
        self.app, self.local, self.quiet = app, local, quiet
        self.answered = self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.monotonic(), 0

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
            await send(message)

        self.running += 1
        try:
            if reason := self._foreign(dict(scope["headers"])):
                await _refuse(reason, noted)
            else:
                await self.app(scope, receive, noted)
        except Exception as error:
            if not status:
                raise
            traceback.print_exception(error)  # the application has answered; the connection lives
        finally:
            self.running -= 1
            self.answered += bool(status)
            if not self.quiet:
                self._log(scope, status, time.monotonic() - started)

    def _foreign(self, headers: dict[bytes, bytes]) -> str:
        """The reason for which a request is not served; empty if it is."""
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and origin != "null" and _address(origin) == _address(f"//{host}"):
            origin = ""
        if origin:
            return "pages of other sites may not use this server"
        if self.local and not is_local(_address(f"//{host}")[0]):
            return "this server answers to the names of its own machine only, such as localhost"
        return ""

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope.get("raw_path") or scope["path"].encode()
        words = [time.strftime("%H:%M:%S"), scope["method"][:10], path.decode("latin-1")[:80]]
        client = (scope.get("client") or ["unknown"])[0]
        line = " ".join([*words, str(status or "gone"), f"{seconds * 1e3:,.0f} ms", client])
        print("".join(c if c.isprintable() else "?" for c in line), file=sys.stderr, flush=True)


async def _refuse(reason: str, send: Send) -> None:
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _address(url: str) -> tuple[str, int | None]:
    """The host and the port of a URL; an empty host if it has none that can be read."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "", None


def is_local(host: str) -> bool:
    """Tells whether a host is this machine, as only this machine reaches it."""
    if host in _NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
