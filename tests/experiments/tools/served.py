"""A server of a model in a thread of this process, or as a process of its own."""

import contextlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from experiments.tools.serving import app, lifetime
from experiments.tools.serving.gate import Gate
from experiments.tools.serving.service import Limits, Service
from tests.experiments import forking, running


@contextlib.contextmanager
def in_thread(module: Any, **limits: Any) -> Iterator[httpx.Client]:
    """A client of a server on a free port; ``client.service`` is what it serves."""
    service = Service(module, "any/run", Limits(**limits))
    opened = lifetime.listening("127.0.0.1", 0)
    base_url = lifetime.url(opened)
    server = lifetime.prepared(Gate(app.make(service), local=True, quiet=True))
    thread = threading.Thread(target=server.run, args=([opened],))
    thread.start()
    try:
        with httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
            client.service = service
            yield client
    finally:
        server.should_exit = True
        thread.join(30)


class Process:
    """``pretune serve`` as a user starts it; ``url`` is what its first line says."""

    def __init__(self, words: list[str], folder: Path, cache: Path) -> None:
        script = str(running.ROOT / "experiments" / "tools" / "serve.py")
        self.log = folder / "serve.log"
        with self.log.open("w") as errors:
            self.process = forking.start(
                [sys.executable, script, *words],
                cwd=folder,
                env=running.environment(cache) | {"PYTHONPATH": str(running.ROOT)},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout
        self.first = self.process.stdout.readline()
        found = re.match(r"(http://\S+) serves ", self.first)
        assert found, (self.first, self.log.read_text())
        self.url = found[1]

    def end(self, number: int) -> tuple[int, list[str]]:
        """Send a signal; returns the exit code and the lines of the log."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        return code, self.log.read_text().splitlines()

    def until(self, wanted: str) -> None:
        """Wait for a line of the log."""
        deadline = time.monotonic() + 60
        while wanted not in self.log.read_text():
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
