"""Experiments and what runs them. Import this first: Ctrl-C is then one line from there on."""

import sys
from types import TracebackType


def _in_one_line(kind: type, error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):  # the seconds of imports, before experiments.guard
        print(f"\n{sys.argv[0]}: interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _in_one_line
