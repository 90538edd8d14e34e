"""Paths and commands as a user would type them here, and the commit of this repository."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path


def program(name: str) -> str:
    """The name of a program of this environment, or its path if the environment is not active."""
    beside = Path(sys.executable).with_name(name)
    there = beside.exists() and shutil.which(name) != str(beside)
    return shown(beside) if there else name


def command_name() -> str:
    """The name of this command in errors and usage: ``compare.py`` or ``pretune compare``."""
    return Path(sys.argv[0]).name


def this_command(argv: list[str] | None = None) -> str:
    """The line that runs this command again, as a user would type it here."""
    script, *words = sys.argv if argv is None else argv
    if script.startswith("pretune "):
        return shlex.join([program("pretune"), *script.split()[1:], *words])
    return shlex.join([program("python"), script, *words])


def shown(path: Path) -> str:
    """A path as a user would type it here, quoted for the shell."""
    return shlex.quote(relative(path))


def relative(path: Path) -> str:
    """A path relative to the working directory, if it lies below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def git_commit() -> str | None:
    """The commit of this repository, with -dirty if the tree has changes; None outside git."""

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # not some repository around it
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
