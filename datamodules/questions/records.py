"""Questions with their contexts and answers, checked one by one."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """An answer, and the place in the context at which it begins; -1 of one in free words."""

    text: str
    start: int


@dataclass
class Questions:
    """N questions of one split.

    Attributes:
        questions: The question of each row.
        contexts: The text in which its answer stands, or may stand if it is in words; "" is none.
        answers: Its right answers; none where the context has none.
        rows: The place of each in its file, which errors name.
        notes: Remarks for the user, a line each.
        file: The file, which errors name.
        in_words: Whether answers need not stand in a context.
        repeated: The number of answers without a place that stand in their context several times.
    """

    questions: list[str] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)
    answers: list[list[Answer]] = field(default_factory=list)
    rows: list[int | str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    file: str = ""
    in_words: bool = False
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.questions)

    def add(self, question: Any, context: Any, answers: Sequence[Any], row: int | str) -> None:
        """Add a question.

        Args:
            question: The question.
            context: The context.
            answers: The text of each answer and its start, None where it is to be found.
            row: The place in the file.

        Raises:
            ValueError: If a text is empty, or an answer does not stand where it should.
        """
        if self.in_words and (context is None or context != context):
            context = ""
        for name, text in (("question", question), ("context", context)):
            if not isinstance(text, str):
                raise ValueError(f"the {name} is not a text ({text!r:.40})")
            if not (text.strip() or (self.in_words and name == "context")):
                raise ValueError(f"the {name} is empty")
        found = [self._placed(context, *answer) for answer in answers]
        self.questions.append(question.strip())
        self.contexts.append(context)
        self.answers.append(found)
        self.rows.append(row)

    def _placed(self, context: str, text: Any, start: Any) -> Answer:
        if not isinstance(text, str) or not text.strip():
            raise ValueError(
                f"an answer is {'empty' if text == '' else 'not a text'} ({text!r:.40})"
            )
        if self.in_words:
            return Answer(text.strip(), -1)
        if start is None:
            text = text.strip()
            start = context.find(text)
            if start < 0:
                raise ValueError(
                    f"the answer {text!r:.60} is not in its context{_near(context, text)}; "
                    f"--data.answers words reads answers in free words"
                )
            self.repeated += context.find(text, start + 1) >= 0
            return Answer(text, start)
        if isinstance(start, bool) or not isinstance(start, int):
            raise ValueError(
                f"the start of the answer {text!r:.60} is no whole number ({start!r:.20})"
            )
        if start < 0 or context[start : start + len(text)] != text:
            there = context[max(0, start) : max(0, start) + len(text)]
            places = _places(context, text)
            cure = (
                f": it stands at {places}"
                if places
                else f", nor anywhere else{_near(context, text)}"
            )
            raise ValueError(
                f"the answer {text!r:.60} is not at {start} in its context, where {there!r:.60} "
                f"stands{cure}; characters count from 0"
            )
        lead = len(text) - len(text.lstrip())
        return Answer(text.strip(), start + lead)

    def take(self, places: Iterable[int]) -> "Questions":
        """The questions at these places."""
        chosen = list(places)
        return Questions(
            [self.questions[i] for i in chosen],
            [self.contexts[i] for i in chosen],
            [self.answers[i] for i in chosen],
            [self.rows[i] for i in chosen],
            self.notes,
            self.file,
            self.in_words,
        )

    @property
    def keys(self) -> list[str]:
        """What no two splits share: the context of each row, or its question without one."""
        pairs = zip(self.questions, self.contexts, strict=True)
        return [context if context.strip() else question for question, context in pairs]

    def where(self, question: str, context: str) -> str:
        """The file and the row of a question, as errors name them."""
        place = list(zip(self.questions, self.contexts, strict=True)).index((question, context))
        return f"{self.file}, row {self.rows[place]}"

    @property
    def fingerprint(self) -> str:
        """A digest of every question, context and answer."""
        parts = repr([self.questions, self.contexts, self.answers])
        return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()


def _places(context: str, text: str) -> str:
    found: list[str] = []
    at = context.find(text)
    while at >= 0 and len(found) < 4:
        found.append(str(at))
        at = context.find(text, at + 1)
    return " and ".join(found)


def _near(context: str, text: str) -> str:
    """The place where an answer stands in another spelling, for an error."""
    at = context.lower().find(text.lower())
    if at >= 0:
        return f", which has {context[at : at + len(text)]!r:.60}"
    spaced = " ".join(context.split())
    return ", which has other spaces or line ends" if " ".join(text.split()) in spaced else ""
