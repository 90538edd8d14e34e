"""A picture of what a command shows in a terminal, as SVG: needs tmux.

    python -m tests.terminal_picture run.svg 20 python experiments/lora_sst2.py

The first argument is a file of docs/images, the second the seconds after which the screen is
taken; a command that ends sooner is taken at its end.
"""

import io
import shlex
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH, HEIGHT = 120, 34


def screen(command: list[str], seconds: float) -> str:
    """What the command has on a terminal's screen after so many seconds, with its colours."""

    def tmux(*arguments: str) -> str:
        done = subprocess.run(["tmux", "-L", "picture", *arguments], capture_output=True, text=True)
        return done.stdout

    line = f"{shlex.join(command)}; echo; sleep 86400"
    tmux("new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), line)
    try:
        time.sleep(seconds)
        return tmux("capture-pane", "-p", "-e")
    finally:
        tmux("kill-server")


def main(file: str, seconds: str, *command: str) -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(screen(list(command), float(seconds)).rstrip()))
    shown = " ".join(command)
    console.save_svg(str(Path(__file__).parents[1] / "docs" / "images" / file), title=shown[:WIDTH])
    print(f"{file}: {shown}")


if __name__ == "__main__":
    main(*sys.argv[1:])
