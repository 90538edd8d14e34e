"""The logits of a written file beside those of the module that it was made of."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

_PARAGRAPH = (
    "The parcel arrived two days late, and the box was open on one side. Nothing was missing, "
    "but the manual is in a language that nobody here reads; the support answered within an hour. "
)
# Of different lengths, the last longer than most models read: a file that only fits the length
# that it was traced with shows it here.
TEXTS = (
    "a gripping film",
    "Where is my order no. 48213? I paid $19.90 on 3 May, and it's still not here!",
    "dull",
    "这部电影很好看,我已经看了两遍。",
    _PARAGRAPH,
    "def area(r):\n    return 3.14 * r ** 2  # naïve – café, 50 %",
    _PARAGRAPH * 3,
    _PARAGRAPH * 20,
)


class DifferenceError(Exception):
    """A written file does not give what the module gives."""


@dataclass(frozen=True)
class Difference:
    """How far the logits of a file are from those of the module.

    Attributes:
        greatest: The greatest absolute difference of a logit.
        bound: The greatest difference that rounding explains.
    """

    greatest: float
    bound: float

    def __str__(self) -> str:
        return f"{self.greatest:.2g} (bound: {self.bound:.2g})"


def compared(pairs: Iterable[tuple[np.ndarray, np.ndarray]], share: float, kind: str) -> Difference:
    """Compare arrays of logits.

    Args:
        pairs: The module's logits and those of the file, each pair of one shape.
        share: The greatest difference to allow, as a share of the greatest absolute logit, or of 1
            where all are smaller.
        kind: The format, for the error.

    Raises:
        DifferenceError: If it is more, a shape differs, or a logit is not a number.
    """
    greatest, most = 0.0, 1.0
    for wanted, found in pairs:
        if wanted.shape != found.shape:
            raise DifferenceError(f"{kind}: logits of shape {found.shape}, not {wanted.shape}")
        off = float(np.abs(wanted - found).max())
        greatest = max(greatest, off if math.isfinite(off) else math.inf)
        most = max(most, float(np.abs(wanted).max()))
    result = Difference(greatest, share * most)
    if not greatest <= result.bound:  # NaN is not
        raise DifferenceError(f"the {kind} file's logits differ from the model's by up to {result}")
    return result
