"""Libraries that only some commands need: each belongs to an extra of the distribution."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType


def require(name: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional library; the arguments and the error are those of ``check_installed``."""
    check_installed(name, extra, purpose)
    return importlib.import_module(name)


def check_installed(name: str, extra: str, purpose: str) -> None:
    """Check for an optional library without the time that its import takes.

    Args:
        name: The module that will be imported.
        extra: The extra of this distribution that installs it.
        purpose: The rest of the clause "NAME, which ..." in the error.

    Raises:
        ValueError: If it is not installed, in one line with the command that installs it.
    """
    top = name.partition(".")[0]
    if importlib.util.find_spec(top) is None:
        package = top.replace("_", "-")
        raise ValueError(f"{package}, which {purpose}, is missing: {install_command(extra)}")


def install_command(extra: str) -> str:
    """The shell command that installs an extra, in a checkout or beside an installed wheel."""
    checkout = (Path(__file__).parents[1] / "pyproject.toml").is_file()
    return f"pip install -e '.[{extra}]'" if checkout else f"pip install 'pretune[{extra}]'"
