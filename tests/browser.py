"""A page in a real headless Chromium: its elements, what its console says, a picture of it.

    python -m tests.browser outputs/ablation/NAME/report.html picture.png [WIDTH [light | dark]]

It speaks the DevTools protocol over a pair of pipes, so that no port and no library is needed.
In a test, ask for the ``browser`` fixture: ``page = browser.open(url)``.
"""

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.browser_page import PATIENCE, Page

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium: apt-get install --no-install-recommends chromium-headless-shell"


def find() -> str | None:
    """The program, if this machine has one."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Browser:
    """One process; each page is a tab that shares nothing with the others but the cache."""

    def __init__(self, program: str) -> None:
        here_in, there_out = os.pipe()
        there_in, here_out = os.pipe()
        # Chromium reads from 3 and writes to 4; the numbers must not be taken when bash puts
        # them in place.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (there_in, there_out)]
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        flags = [
            "--headless",
            "--remote-debugging-pipe",
            f"--user-data-dir={self.profile.name}",
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "about:blank",
        ]
        self.process = subprocess.Popen(
            ["bash", "-c", 'exec "$@" 3<&{}- 4>&{}-'.format(*ends), "bash", program, *flags],
            pass_fds=ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (there_in, there_out, *ends):
            os.close(end)
        self._in, self._out, self._rest = here_in, here_out, b""
        self._last, self._answers, self._pages = 0, {}, {}

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for end in (self._in, self._out):
            os.close(end)
        self.profile.cleanup()

    def open(self, url: str | Path, width: int = 1200, height: int = 900, dark: bool = False):
        """A page that has loaded; a path is opened as file://."""
        url = url.resolve().as_uri() if isinstance(url, Path) else url
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        page.resize(width, height)
        failed = page.call("Page.navigate", url=url).get("errorText")
        assert not failed, f"{url}: {failed}"
        self._until(lambda: page.loaded, f"{url} to load")
        return page

    def call(self, method: str, session: str | None = None, **settings: Any) -> dict[str, Any]:
        """A command of the protocol and its answer."""
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": settings}
        message |= {"sessionId": session} if session else {}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        self._until(lambda: number in self._answers, method)
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']['message']}"
        return answer["result"]

    def listen(self, seconds: float) -> None:
        """Take in what the browser says of its own accord."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._take(left)

    def _until(self, holds: Any, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, f"waited {PATIENCE:.0f} s for {what}"
            self._take(0.1)

    def _take(self, seconds: float) -> None:
        if not select.select([self._in], [], [], seconds)[0]:
            return
        data = os.read(self._in, 1 << 20)
        assert data, f"Chromium has ended with exit code {self.process.wait(5)}"
        *messages, self._rest = (self._rest + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            elif page := self._pages.get(message.get("sessionId")):
                page.hear(message["method"], message["params"])


def main(url: str, picture: str, width: str = "1200", scheme: str = "light") -> None:
    program = find()
    if program is None:
        sys.exit(MISSING)
    with Browser(program) as browser:
        place = url if "://" in url else Path(url)
        page = browser.open(place, width=int(width), dark=scheme == "dark")
        browser.listen(0.5)  # for what is drawn after it has loaded
        page.screenshot(picture)
        for error in page.errors:
            print(f"error: {error}")
    print(f"done   {picture}")


if __name__ == "__main__":
    main(*sys.argv[1:])
