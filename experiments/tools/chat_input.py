"""The questions of a chat: typed at a terminal, from a pipe, or from a file."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

_FENCE = '"""'  # opens and closes a text of several lines


class Stop:
    """The handler of Ctrl-C at the terminal: it ends an answer, or the line being typed.

    Attributes:
        asked: True if Ctrl-C was pressed since the last question.
        typing: True while the user types a line.
    """

    def __init__(self) -> None:
        self.asked = self.typing = False

    def __call__(self, number: int, frame: Any) -> None:
        self.asked = True
        if self.typing:
            raise KeyboardInterrupt


def from_terminal(stop: Stop) -> Iterator[str]:
    """Yields the texts typed at the prompt that are not empty, with the keys of readline."""
    with suppress(ImportError):  # Windows edits lines without it
        import readline  # noqa: F401 - what `input` edits lines with

    while True:
        lines: list[str] = []
        while not lines or _open(lines):
            stop.asked, stop.typing = False, True
            try:
                lines.append(input("... " if lines else "\n> "))
            except KeyboardInterrupt:
                lines = [""]
            except EOFError:
                print()
                return
            finally:
                stop.typing = False
        if text := _joined(lines):
            yield text


def from_pipe(stream: TextIO, raw: bool) -> Iterator[str]:
    """Yields the questions of a pipe, one a line or between fences; raw, all of it is one text.

    Raises:
        ValueError: If the pipe is not UTF-8, has no text, or a fence is not closed.
    """
    empty = True
    try:
        if raw:
            texts: Iterator[str] = iter([stream.read().removesuffix("\n")])
        else:
            texts = _questions(stream)
        for text in filter(str.strip, texts):
            empty = False
            yield text
    except UnicodeDecodeError as error:
        raise ValueError(f"standard input: is not text in UTF-8 ({error.reason})") from error
    if empty:
        raise ValueError("standard input: has no text")


def from_file(name: str) -> Iterator[str]:
    """Yields the text of a file, without the line break at its end.

    Raises:
        ValueError: If the file cannot be read, is not UTF-8, or is empty.
    """
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"--prompt {name}: is not text in UTF-8 ({error.reason})") from error
    except OSError as error:
        raise ValueError(f"--prompt {name}: cannot be read ({error.strerror})") from error
    if not text.strip():
        raise ValueError(f"--prompt {name}: is empty")
    yield text


def questions(asked: Any, stop: Stop) -> Iterator[str]:
    """The questions that the flags and the standard input give."""
    if asked.prompt:
        return from_file(asked.prompt)
    return from_terminal(stop) if sys.stdin.isatty() else from_pipe(sys.stdin, asked.raw)


def _questions(stream: TextIO) -> Iterator[str]:
    lines: list[str] = []
    for line in stream:
        lines.append(line.rstrip("\r\n"))
        if not _open(lines):
            yield _joined(lines)
            lines = []
    if lines:
        raise ValueError(f"standard input: a {_FENCE} has no {_FENCE} that ends it")


def _open(lines: list[str]) -> bool:
    """Tells whether lines begin with a fence and still lack the one that ends them."""
    first = lines[0].lstrip()
    if not first.startswith(_FENCE):
        return False
    closing = [first[len(_FENCE) :], *lines[1:]][-1]
    return not closing.rstrip().endswith(_FENCE)


def _joined(lines: list[str]) -> str:
    """The text of lines, without its fences."""
    text = "\n".join(lines)
    if not text.lstrip().startswith(_FENCE):
        return text
    return text.strip().removeprefix(_FENCE).removesuffix(_FENCE).strip("\n")
