"""Values as checkpoints hold them: of Python's own types."""

from numbers import Integral, Real
from pathlib import Path
from typing import Any


def to_builtin(value: Any) -> Any:
    """Return a copy with Python's own numbers in place of NumPy's and the command line's, and text
    in place of paths.

    Checkpoints are read with ``weights_only=True``, which knows no other types.
    """
    if isinstance(value, dict):
        return {key: to_builtin(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_builtin(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)
