"""Data modules as the modules see them; any class that has these methods will do."""

from collections.abc import Callable
from typing import Any, Protocol


class CorpusData(Protocol):
    """Rows of a corpus, for pre-training."""

    def match_objective(self, rows: Any) -> None:
        """Serve rows of the kind that an objective needs.

        Raises:
            ValueError: If the user has chosen another kind.
        """


class TextData(Protocol):
    """Texts, or chats, that have been tokenised; each method needs ``setup``."""

    num_input_tokens: Callable[..., Any]  # set by the module: what it makes of rows' lengths

    def texts_of(self, split: str) -> dict[str, list[Any]]:
        """Return the columns of a split by name."""

    def max_row_length(self) -> int:
        """Return the number of tokens of the longest row of all splits."""


class LabelledData(TextData, Protocol):
    """Texts with a class each, of which examples can be shown in a prompt."""

    @property
    def dataset(self) -> Any:
        """All splits, each with ``labels``."""
