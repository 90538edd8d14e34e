"""The pages of the documentation: their blocks, their command lines and what they name."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "README.zh.md", "CONTRIBUTING.md"]
PAGES += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))
EXPERIMENTS = [p for p in (ROOT / "experiments").glob("*.py") if p.stem != "__init__"]
BLOCK = re.compile(r"(?:<!-- (\w+): ([\w.]+) -->\n)?^```(\w*)\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
SHOWN = re.compile(r"python |make |pretune \S+ ")  # a tool by its name alone is prose
FOLDERS = ("experiments/", "modules/", "datamodules/", "callbacks/", "tests/", "docs/")


class Block(NamedTuple):
    """A fenced block of a page; the comment before it says what a test has to know."""

    page: str
    kind: str  # file | test, or nothing
    about: str
    language: str
    text: str


def read(page: str) -> str:
    return (ROOT / page).read_text()


def blocks(page: str) -> list[Block]:
    return [Block(page, *found) for found in BLOCK.findall(read(page))]


def spans(page: str) -> list[str]:
    """What stands in single backticks, outside of the blocks; a line break is a space."""
    return [" ".join(span.split()) for span in SPAN.findall(BLOCK.sub("", read(page)))]


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a console block as words: without comments, parts of a pipe apart."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if "--wrap" in words:  # sbatch's own script
            yield from commands(words[words.index("--wrap") + 1])
            continue
        while "|" in words:
            yield words[: words.index("|")]
            words = words[words.index("|") + 1 :]
        if words:
            yield words


def script_and_flags(words: list[str]) -> tuple[str, list[str]] | None:
    """The script that a command runs, also behind torchrun or srun, and its flags."""
    if words[0] == "pretune":
        return f"experiments/tools/{words[1].replace('-', '_')}.py", words[2:]
    for place, word in enumerate(words):
        if word.endswith(".py") and words[place - 1] not in ("pytest", "-m"):
            return re.sub(r"^~/\w+/", "", word), words[place + 1 :]
    return None


def every_command() -> list[tuple[str, list[str]]]:
    """Page and words of every command in a block or between backticks, but those with a NAME."""
    found = []
    for page in PAGES:
        found += [(page, w) for b in blocks(page) if b.language == "sh" for w in commands(b.text)]
        found += [(page, shlex.split(s)) for s in spans(page) if SHOWN.match(s)]
    return [(page, words) for page, words in found if not re.search(r"\bNAME\b", " ".join(words))]
