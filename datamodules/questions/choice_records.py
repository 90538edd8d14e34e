"""Questions with choices, checked one by one, in the forms in which files have them."""

import hashlib
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Choices:
    """N questions of one split.

    Attributes:
        contexts: What stands before what is asked: the context, or the question where there is
            none. No two splits share one.
        questions: The whole text before a choice: context and question.
        asked: The question and the context, "" where there is none.
        choices: The choices of each.
        answers: The place of the right one among them.
        rows: The place of each question in its file, which errors name.
        notes: Remarks for the user, a line each.
        file: The file, which errors name.
    """

    contexts: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    choices: list[list[str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    rows: list[int | str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    file: str = ""

    def __len__(self) -> int:
        return len(self.questions)

    def add(
        self,
        context: Any,
        question: Any,
        choices: Sequence[Any],
        answer: Any,
        row: int | str,
        first: int,
    ) -> None:
        """Add a question.

        Args:
            context: The context; None or empty where there is none.
            question: The question; None or empty where the context asks.
            choices: Its choices.
            answer: The right one: its place, its letter or its text.
            row: The place in the file.
            first: The number of the first choice, 0 or 1.

        Raises:
            ValueError: If a text is missing, two choices are equal, or the answer is none of them.
        """
        texts = [str(text).strip() for text in (context, question) if text not in (None, "")]
        texts = [text for text in texts if text]
        if not texts:
            raise ValueError("the question is empty")
        made = checked_choices(choices)
        self.answers.append(place_of(answer, made, first))
        self.contexts.append(texts[0])
        self.questions.append(" ".join(texts))
        self.asked.append((texts[-1], texts[0] if len(texts) > 1 else ""))
        self.choices.append(made)
        self.rows.append(row)

    def take(self, places: Iterable[int]) -> "Choices":
        """The questions at these places."""
        chosen = list(places)
        return Choices(
            [self.contexts[i] for i in chosen],
            [self.questions[i] for i in chosen],
            [self.choices[i] for i in chosen],
            [self.answers[i] for i in chosen],
            [self.rows[i] for i in chosen],
            self.notes,
            [self.asked[i] for i in chosen],
            self.file,
        )

    @property
    def keys(self) -> list[str]:
        """What no two splits share."""
        return self.contexts

    def where(self, question: str, context: str) -> str:
        """The file and the row of a question, as errors name them."""
        return f"{self.file}, row {self.rows[self.asked.index((question, context))]}"

    @property
    def fingerprint(self) -> str:
        """A digest of every question, choice and answer."""
        parts = repr([self.questions, self.choices, self.answers])
        return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()


def checked_choices(choices: Sequence[Any]) -> list[str]:
    """The choices of a question as texts; what is empty at the end of a row of cells is none.

    Raises:
        ValueError: If there are less than two, one is empty, or two are equal.
    """
    made = ["" if one is None or one != one else str(one).strip() for one in choices]
    while made and not made[-1]:
        made.pop()
    if "" in made:
        raise ValueError(f"the choice {made.index('') + 1} of {len(made)} is empty")
    if len(made) < 2:
        raise ValueError(f"has {len(made)} choice{'s' * (len(made) != 1)}: at least two are needed")
    if len(set(made)) < len(made):
        twice = next(one for one in made if made.count(one) > 1)
        raise ValueError(f"the choice {twice!r:.60} stands twice: which is the right one?")
    return made


def place_of(answer: Any, choices: Sequence[str], first: int = 0) -> int:
    """The place of the right choice, from 0.

    Args:
        answer: A whole number, a letter such as B, (B) or B., or the text of the choice.
        choices: The choices.
        first: The number of the first one.

    Raises:
        ValueError: If it is none of them, or can be read in two ways.
    """
    there = f"the choices are {', '.join(repr(one)[:40] for one in choices[:6])}"
    if answer is None or answer != answer or not str(answer).strip():
        raise ValueError(f"has no answer: {there}")
    if isinstance(answer, float) and answer.is_integer():
        answer = int(answer)
    text = str(answer).strip()
    places = {}
    if text in choices and not isinstance(answer, int):
        places["the text of"] = choices.index(text)
    if re.fullmatch(r"-?\d+", text):
        places["the number of"] = int(text) - first
    if letter := re.fullmatch(r"\(?([A-Za-z])[).:]?", text):
        places["the letter of"] = string.ascii_uppercase.index(letter[1].upper())
    valid = {how: place for how, place in places.items() if 0 <= place < len(choices)}
    if not valid:
        counted = f", which are numbered from {first}" if "the number of" in places else ""
        cure = ""
        if places.get("the number of") == len(choices) and not first:
            cure = "; --data.first_choice 1 numbers them from 1"
        raise ValueError(
            f"the answer {text!r:.60} is none of the {len(choices)} choices{counted}: {there}{cure}"
        )
    if len(set(valid.values())) > 1:
        ways = " and ".join(f"{how} {choices[place]!r:.40}" for how, place in valid.items())
        raise ValueError(
            f"the answer {text!r} is {ways}: write the answers as whole numbers in JSON"
        )
    return next(iter(valid.values()))


_LISTS = ("choices", "options", "endings", "candidates")
_NAMED = re.compile(
    r"(?:choice|option|ending|answer|sol|solution|candidate|op)[_ ]?([0-9]{1,2}|[a-j])", re.I
)


def choice_columns(columns: Iterable[str]) -> list[str]:
    """The columns of the choices: a list, or one for each, such as choice0 or A, in their order."""
    there = list(columns)
    for name in _LISTS:
        if name in there:
            return [name]
    found = [(m[1].lower(), name) for name in there if (m := _NAMED.fullmatch(name))]
    named = sorted((len(number), number, name) for number, name in found)
    if len(named) > 1:
        return [name for _, _, name in named]
    letters = [c for c in string.ascii_uppercase if c in there]
    return letters if letters[:2] == ["A", "B"] else []


def listed_choices(value: Any) -> tuple[list[Any], list[str] | None]:
    """The choices in a cell, and their own letters where it names them, as ARC's files do.

    Raises:
        ValueError: If it holds none.
    """
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Mapping) and "text" in value:
        parts: list[Any] = [value["text"], value.get("label")]
        texts, labels = (part.tolist() if hasattr(part, "tolist") else part for part in parts)
        if not isinstance(texts, list | tuple) or not isinstance(labels, list | tuple | None):
            raise ValueError(f"{value!r:.60} is not a list of choices")
        return list(texts), None if labels is None else [str(one) for one in labels]
    if isinstance(value, list | tuple):
        if value and all(isinstance(one, Mapping) and "text" in one for one in value):
            labels = [str(one["label"]) for one in value if "label" in one]
            return [one["text"] for one in value], labels if len(labels) == len(value) else None
        return list(value), None
    raise ValueError(f"{value!r:.60} is not a list of choices")
