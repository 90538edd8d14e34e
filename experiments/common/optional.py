"""Libraries that only some commands need."""

import importlib
import importlib.util
from types import ModuleType


def needed(name: str, extra: str, does: str) -> ModuleType:
    """Import a library, or say in one line what to install for what it ``does`` here."""
    top = name.partition(".")[0]
    if importlib.util.find_spec(top) is None:
        package = top.replace("_", "-")
        raise ValueError(f"{package}, which {does}, is missing: pip install 'pretune[{extra}]'")
    return importlib.import_module(name)
