"""Shows how far a stage of the pipeline is: a bar in a terminal, lines elsewhere."""

import contextlib
import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def shown(label: str, tasks: int, logs: Path, progress: Path) -> Iterator[None]:
    """Show the tasks that are done, and the documents so far where tasks report them.

    In a terminal that is a bar, drawn anew each second; elsewhere a line every ten seconds.
    """
    stop, screen = threading.Event(), sys.stderr.isatty()
    sink = sys.stderr if screen else io.StringIO()
    bar = tqdm(total=tasks, desc=f"{label:<24}", unit="task", file=sink, leave=True)

    def look() -> None:
        bar.n = len(list((logs / "completions").glob("*")))
        documents = 0
        for path in progress.glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                documents += json.loads(path.read_text(encoding="utf-8"))
        if documents:
            bar.set_postfix_str(f"{documents:,} documents", refresh=False)
        if screen:
            bar.refresh()
        else:
            said = f", {documents:,} documents" if documents else ""
            line = f"{label}: {bar.n} of {tasks} tasks{said}"
            print(line, file=sys.stderr, flush=True)

    def watch() -> None:
        while not stop.wait(1 if screen else SECONDS_BETWEEN_LINES):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        look()
        bar.close()
