"""Experiments, and the packages that run, compare and track them."""

import sys
from pathlib import Path
from types import TracebackType

_before = sys.excepthook


def _interrupted_in_one_line(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Prints one line after Ctrl-C; the hook that was there before reports all else."""
    if issubclass(kind, KeyboardInterrupt):
        print(f"\n{sys.argv[0]}: interrupted", file=sys.stderr)
    else:
        _before(kind, error, trace)


# Python puts the folder of the script that it runs first on the path, where our `lineage` or
# `sweep` would hide a library of that name. Only a script of ours has its folder here.
if sys.path and Path(sys.path[0] or ".").resolve().is_relative_to(Path(__file__).parent):
    del sys.path[0]
    # The libraries take seconds to import, in which Ctrl-C would print a page. From the moment at
    # which the command line is read, experiments.common.exits answers it.
    sys.excepthook = _interrupted_in_one_line
    from experiments.common import notices

    notices.show_as_notes()
