"""The kinds of labels, and the options that decide how they are read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

# What a row brings: the id of its class, a number, the ids of several classes, or nothing.
LabelKind = Literal["class", "number", "several", "none"]
Labels = list[int] | list[float] | list[list[int]]  # of N rows


@dataclass(frozen=True)
class LabelOptions:
    """How labels are read.

    Attributes:
        delimiter: The text between several labels in one field; "auto" finds it, "none" is none.
        unlabelled: The labels that mark a row without a label, joined by commas; None for those
            that are known as such.
        drop_shared: Whether training rows are left out whose text validation or test has as well.
    """

    delimiter: str = "auto"
    unlabelled: str | None = None
    drop_shared: bool = False

    def check(self, kind: LabelKind) -> None:
        """Refuse options without an effect on this kind of labels.

        Raises:
            ValueError: With the flag to leave out.
        """
        for flag, given, kinds in (
            ("label_delimiter", self.delimiter != "auto", ("class", "several")),
            ("unlabelled", self.unlabelled is not None, ("class", "several", "number")),
        ):
            if given and kind not in kinds:
                raise ValueError(f"--data.{flag}: the task reads no such labels; leave it out")


class Unusable(NamedTuple):
    """A label that cannot be used."""

    reason: str


class Encoder(NamedTuple):
    """How the labels of a data set are encoded.

    Attributes:
        names: The names of the classes in the order of their ids.
        encode: Turns a field into a label; None for a row without one.
        notes: Remarks on the reading for the user, a line each.
        warnings: Remarks on the labels themselves, a line each.
    """

    names: tuple[str, ...]
    encode: Callable[[Any], Any]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
