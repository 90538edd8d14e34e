"""Templates by name."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A template, the word of each label, and what it was measured to reach.

    Attributes:
        measured: accuracy of ``smollm2``, zero-shot, by data set: validation and test.
    """

    template: str
    words: Mapping[str, str]
    instruction: str = ""
    measured: str = ""


TEMPLATES = {
    "sentiment": Entry(
        "Review: {{ text }}\nSentiment:", {"negative": "negative", "positive": "positive"}
    ),
}
