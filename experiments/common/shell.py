"""Paths and programs as one would type them here, and the commit of this repository."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path


def program(name: str) -> str:
    """How to type a program of this environment here, whether or not it is activated."""
    beside = Path(sys.executable).with_name(name)
    there = beside.exists() and shutil.which(name) != str(beside)
    return shown(beside) if there else name


def command_name() -> str:
    """What errors and usage call the command that runs: ``compare.py``, or ``pretune compare``."""
    return Path(sys.argv[0]).name


def this_command(argv: list[str] | None = None) -> str:
    """The line that runs this command again, as one would type it here."""
    script, *words = sys.argv if argv is None else argv
    if script.startswith("pretune "):
        return shlex.join([program("pretune"), *script.split()[1:], *words])
    return shlex.join([program("python"), script, *words])


def shown(path: Path) -> str:
    """A path as one would type it here."""
    return shlex.quote(relative(path))


def relative(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def git_commit() -> str | None:
    """Commit of the repository that holds this file, with -dirty if the tree has changes."""

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # not some repository around it
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
