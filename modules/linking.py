"""Settings of a module that follow the data's, or the other way round."""

from typing import NamedTuple


class Link(NamedTuple):
    """A flag that takes the value of another one, so that the two cannot disagree.

    Attributes:
        source: The setting that is followed, as its flag without dashes (``model.backbone``).
        target: The setting that follows.
        built: Whether ``source`` is an attribute of the data module once it is built, rather than
            a flag.
    """

    source: str
    target: str
    built: bool = False
