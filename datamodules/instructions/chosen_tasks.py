"""Tasks that a flag chooses, as instructions: some are taught, others test what carries over."""

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from datamodules.instructions.conversations import Conversation, Message
from datamodules.instructions.known_tasks import TASKS
from datamodules.segmentation import is_unspaced

NEUTRAL = ("N/A", "", "[MASK]")
ROWS, TAUGHT_WORDINGS, ASKED_WORDINGS = 200, 3, 1  # by default
_MOST = min(len(task.wordings) for task in TASKS.values())


class Questions(NamedTuple):
    """N questions of a task, each in W wordings, with the right answers.

    Attributes:
        name: The name of the task.
        kind: Its kind.
        siblings: The taught tasks of the same kind.
        wordings: The W wordings, with a place for the text.
        prompts: The questions as prompts, W lists of N.
        neutral: The same questions about texts that say nothing, W lists. A model's preference
            there is its bias, by which its answers are calibrated (Zhao et al. 2021).
        words: The answer for each class; none where answers are written.
        answers: The N right answers.
        labels: Their N classes; none where answers are written.
        max_new_tokens: Tokens after which a written answer is cut.
    """

    name: str
    kind: str
    siblings: tuple[str, ...]
    wordings: tuple[str, ...]
    prompts: list[list[str]]
    neutral: list[list[str]]
    words: tuple[str, ...]
    answers: list[str]
    labels: list[int]
    max_new_tokens: int


@dataclass(frozen=True)
class ChosenTasks:
    """The tasks of one flag.

    Attributes:
        names: The names of the tasks.
        rows: The largest number of rows of each.
        wordings: The number of wordings in which they are asked, the first ones of the task.
    """

    names: list[str]
    rows: int
    wordings: int

    @classmethod
    def taught(cls, names: str, rows: int, wordings: int) -> "ChosenTasks":
        """The tasks of ``--data.tasks``.

        Raises:
            ValueError: For an unknown name, too many wordings, or settings of no task.
        """
        chosen = cls(_names(names, "tasks"), rows, wordings)
        return chosen._checked("tasks", "task", TAUGHT_WORDINGS)

    @classmethod
    def unseen(cls, names: str, rows: int, wordings: int) -> "ChosenTasks":
        """The tasks of ``--data.unseen``; likewise."""
        chosen = cls(_names(names, "unseen"), rows, wordings)
        return chosen._checked("unseen", "unseen", ASKED_WORDINGS)

    def _checked(self, flag: str, prefix: str, usual: int) -> "ChosenTasks":
        given = {"rows": (self.rows, ROWS), "wordings": (self.wordings, usual)}
        for name, (value, default) in given.items():
            if not self.names and value != default:
                message = f"no task is named: leave it out, or name some with --data.{flag}"
                raise ValueError(f"--data.{prefix}_{name} {value}: {message}")
        if self.wordings > _MOST:
            message = f"each task has {_MOST} wordings: give fewer"
            raise ValueError(f"--data.{prefix}_wordings {self.wordings}: {message}")
        return self

    def __bool__(self) -> bool:
        return bool(self.names)

    def conversations(self, seed: int) -> Iterator[tuple[str, list[Conversation]]]:
        """The name of each task, and rows of its training split; the wordings take turns."""
        for name in self.names:
            task, ways = TASKS[name], itertools.cycle(TASKS[name].wordings[: self.wordings])
            yield (
                name,
                [
                    (
                        Message("user", next(ways).format(text=first_words(text, task.max_words))),
                        Message("assistant", task.answer(wanted)),
                    )
                    for text, wanted in _sample(task.read("train"), self.rows, seed)
                ],
            )

    def questions(self, render: Callable[[str], str], taught: Sequence[str]) -> list[Questions]:
        """Rows of the test split of each task, the same in every run.

        Args:
            render: Renders a question as a prompt.
            taught: The names of the tasks that are taught.
        """
        return [_questions(name, self.rows, self.wordings, render, taught) for name in self.names]

    def facts(self) -> dict[str, dict[str, Any]]:
        """The kind, origin and licence of each task, and how it is asked, for a run's record."""
        asked = {"most_rows": self.rows, "wordings": self.wordings}
        return {name: {**TASKS[name].provenance(), **asked} for name in self.names}


def _questions(
    name: str, count: int, asked: int, render: Callable[[str], str], taught: Sequence[str]
) -> Questions:
    task, ways = TASKS[name], TASKS[name].wordings[:asked]
    rows = _sample(task.read("test"), count, 0)
    prompts, neutral = (
        [
            [
                render(way.format(text=first_words(text, task.max_words))) + task.answer_prefix
                for text in texts
            ]
            for way in ways
        ]
        for texts in ([text for text, _ in rows], NEUTRAL)
    )
    return Questions(
        name=name,
        kind=task.kind,
        siblings=tuple(other for other in taught if TASKS[other].kind == task.kind),
        wordings=ways,
        prompts=prompts,
        neutral=neutral,
        words=task.words,
        answers=[task.answer(wanted) for _, wanted in rows],
        labels=[int(wanted) for _, wanted in rows] if task.words else [],
        max_new_tokens=task.max_new_tokens,
    )


def _names(names: str, flag: str) -> list[str]:
    """Names joined by commas, or none."""
    found = [name.strip() for name in names.split(",") if names != "none"]
    for name in found:
        if name not in TASKS:
            raise ValueError(f"--data.{flag} {name}: there are {', '.join(TASKS)}, and none")
        if found.count(name) > 1:
            raise ValueError(f"--data.{flag} {names}: {name} stands there twice: name it once")
    return found


def _sample(rows: Sequence, count: int, seed: int) -> list[Any]:
    order = np.random.default_rng(seed).permutation(len(rows))
    return [rows[number] for number in order[:count]]


def first_words(text: str, words: int) -> str:
    """The first words of a text with its spacing and lines.

    Where a script writes no spaces between words, two characters count as a word.
    """
    spaced = [part for word in re.findall(r"\S+\s*", text.strip()) for part in _parts(word)]
    return "".join(spaced[:words]).strip() + " …" * (len(spaced) > words)


def _parts(word: str) -> list[str]:
    """A word with the space behind it; pairs of characters with their marks where it has many."""
    if not is_unspaced(word):
        return [word]
    letters: list[str] = []
    for character in word:
        if letters and (character.isspace() or unicodedata.category(character)[0] == "M"):
            letters[-1] += character
        else:
            letters.append(character)
    return ["".join(letters[at : at + 2]) for at in range(0, len(letters), 2)]
