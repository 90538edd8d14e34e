"""A page in a real headless Chromium: its elements, what its console says, a picture of it.

    python -m tests.browser outputs/ablation/NAME/report.html picture.png [WIDTH [light | dark]]

It speaks the DevTools protocol over a pair of pipes, so that no port and no library is needed.
In a test, ask for the ``browser`` fixture: ``page = browser.open(url)``.
"""

import base64
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

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium: apt-get install --no-install-recommends chromium-headless-shell"
PATIENCE = 30.0  # seconds


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


class Page:
    """A tab.

    Attributes:
        errors: of its console, uncaught exceptions and requests that failed, as lines.
        requests: URLs of all it has asked for.
    """

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self.browser, self.session, self.target = browser, session, target
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.loaded = False

    def call(self, method: str, **settings: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **settings)

    def hear(self, event: str, said: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self.loaded = True
        elif event == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif event == "Network.loadingFailed" and not said.get("canceled"):
            self.errors.append(f"not loaded: {said['errorText']}")
        elif event == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Runtime.consoleAPICalled" and said["type"] in ("error", "assert"):
            words = [str(a.get("value", a.get("description", ""))) for a in said["args"]]
            self.errors.append(" ".join(words))
        elif event == "Log.entryAdded" and said["entry"]["level"] == "error":
            self.errors.append(f"{said['entry']['text']} {said['entry'].get('url', '')}".rstrip())

    def evaluate(self, script: str) -> Any:
        """The value of an expression of JavaScript; a promise is waited for."""
        settings = {"returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", expression=script, **settings)
        failed = answer.get("exceptionDetails")
        assert not failed, f"{script}: {failed['exception'].get('description', failed['text'])}"
        return answer["result"].get("value")

    def dom(self) -> str:
        return self.evaluate("document.documentElement.outerHTML")

    def text(self) -> str:
        """What can be read on the page."""
        return self.evaluate("document.body.innerText")

    def count(self, selector: str) -> int:
        return self.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")

    def wait_for(self, script: str, seconds: float = PATIENCE) -> Any:
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(script)):
            assert time.monotonic() < end, f"not true within {seconds:.0f} s: {script}"
            self.browser.listen(0.1)
        return value

    def hover(self, selector: str, across: float = 0.5, down: float = 0.5) -> None:
        """Move the mouse over an element; the shares say where in it."""
        self._mouse("mouseMoved", *self._place(selector, across, down))

    def click(self, selector: str) -> None:
        place = self._place(selector, 0.5, 0.5)
        for kind in ("mousePressed", "mouseReleased"):
            self._mouse(kind, *place, button="left", clickCount=1)

    def _mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def _place(self, selector: str, across: float, down: float) -> tuple[float, float]:
        x, y, width, height = self.evaluate(
            f"""(() => {{
                const found = document.querySelector({json.dumps(selector)});
                found.scrollIntoView({{block: "center"}});
                const box = found.getBoundingClientRect();
                return [box.x, box.y, box.width, box.height];
            }})()"""
        )
        return x + across * width, y + down * height

    def resize(self, width: int, height: int) -> None:
        settings = {"deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, **settings)

    def screenshot(self, file: str | Path, whole: bool = True) -> None:
        """A PNG of the page, or of what of it is in the window."""
        settings = {"captureBeyondViewport": whole}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            settings["clip"] = {**size, "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", **settings)["data"]
        Path(file).write_bytes(base64.b64decode(data))

    def close(self) -> None:
        self.browser.call("Target.closeTarget", targetId=self.target)
        del self.browser._pages[self.session]


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
