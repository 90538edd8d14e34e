"""Remarks of modules, for the one who reads the screen."""

import sys

from lightning.pytorch.utilities import rank_zero_only

_said: set[str] = set()


@rank_zero_only
def note(text: str) -> None:
    """Print a remark in one line on the error output, once."""
    if text not in _said:
        _said.add(text)
        print(f"note   {text}", file=sys.stderr, flush=True)
