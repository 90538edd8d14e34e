"""A tab of a browser: its elements, what its console says, a picture of it."""

import base64
import json
import time
from pathlib import Path
from typing import Any

PATIENCE = 30.0  # seconds


class Page:
    """A tab.

    Attributes:
        errors: of its console, uncaught exceptions and requests that failed, as lines.
        requests: URLs of all it has asked for.
    """

    def __init__(self, browser: Any, session: str, target: str) -> None:
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
