"""Splits of questions: no context stands in two of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from datamodules import text_tables
from datamodules.answers import agreement, normalized
from datamodules.files import fault
from datamodules.questions.records import Questions
from datamodules.splitting import key_of, stratified_split
from datamodules.text_splits import joint_fingerprint

_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


@dataclass(frozen=True)
class QuestionDataset:
    """The splits of a data set of questions.

    Attributes:
        splits: "train", "validation" and perhaps "test".
        notes: Remarks for the user, a line each.
    """

    splits: dict[str, Questions]
    notes: list[str]

    @property
    def fingerprint(self) -> str:
        """A digest of every text of every split."""
        return joint_fingerprint(self.splits)

    @property
    def unanswerable(self) -> bool:
        """Whether a question has no answer."""
        return any(not answers for part in self.splits.values() for answers in part.answers)

    @cached_property
    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores of the sentence that shares the most words with the question, by split."""
        found = {}
        for split, part in self.splits.items():
            if split != "train" and any(part.contexts):
                found[split] = _sentence_scores(part, self.unanswerable)
        return found

    def preflight(self) -> str:
        """A table of the questions, and what a simple answer would score."""
        cells = [["split", "questions", "contexts", "no answer"]]
        for name, part in self.splits.items():
            none = sum(not answers for answers in part.answers)
            contexts = len({*part.contexts} - {""})
            cells.append([name, f"{len(part):,}", f"{contexts:,}", f"{none:,}"])
        table = text_tables.columns(cells, range(1, 4))
        if not self.baselines:  # no context has sentences
            return table
        scores = ", ".join(
            f"F1 {f1['f1']:.4f} and exact match {f1['exact_match']:.4f} of {split}"
            for split, f1 in self.baselines.items()
        )
        return f"{table}\nthe sentence with the most words of the question: {scores}"

    def facts(self) -> dict[str, Any]:
        """The facts about the questions that the records of a run keep."""
        return {
            "unanswerable": {
                name: sum(not answers for answers in part.answers)
                for name, part in self.splits.items()
            },
            "contexts": {n: len({*part.contexts} - {""}) for n, part in self.splits.items()},
            "baseline": {f"sentence_{split}": scores for split, scores in self.baselines.items()},
        }


def _sentence_scores(part: Questions, unanswerable: bool) -> dict[str, float]:
    sentences: dict[str, list[tuple[str, set[str]]]] = {}
    exact = f1 = 0.0
    for question, context, answers in zip(part.questions, part.contexts, part.answers, strict=True):
        if context not in sentences:
            texts = [text for text in _SENTENCE.split(context) if text.strip()]
            sentences[context] = [(text, set(normalized(text).split())) for text in texts]
        asked = set(normalized(question).split())
        best, _ = max(sentences[context], key=lambda one: len(one[1] & asked), default=("", set()))
        scores = agreement(best, [answer.text for answer in answers], unanswerable)
        exact, f1 = exact + scores[0], f1 + scores[1]
    return {"exact_match": exact / len(part), "f1": f1 / len(part)}


def question_dataset(found: Mapping[str, Questions], source: str) -> QuestionDataset:
    """Make checked splits; without validation, train is split by the hash of its contexts.

    Raises:
        ValueError: If there are too few contexts.
    """
    splits, notes = dict(found), [note for part in found.values() for note in part.notes]
    if not any(splits["train"].answers):
        raise fault(source, "no question of train has an answer: name its column", "answer_column")
    splits = complete(splits, source, notes)
    notes += shared_contexts(splits)
    return QuestionDataset(splits, notes)


def shared_contexts(splits: Mapping[str, Any]) -> list[str]:
    """A remark for each split that has contexts of train."""
    train, found = set(splits["train"].keys), []
    for name, part in splits.items():
        shared = sum(key in train for key in part.keys) if name != "train" else 0
        if shared:
            what = "a context that is" if any(splits["train"].contexts) else "a wording that is"
            found.append(f"{shared:,} questions of {name} have {what} in train, too")
    return found


def complete(splits: Mapping[str, Any], source: str, notes: list[str]) -> dict[str, Any]:
    """The splits in order; without validation, train is split by the hash of its contexts.

    Args:
        splits: Questions, whose ``keys`` no two parts of train share.
        source: The source, for errors.
        notes: A list to which a remark is added.

    Raises:
        ValueError: If there are too few contexts.
    """
    if "validation" in splits:
        return {name: splits[name] for name in ("train", "validation", "test") if name in splits}
    train = splits["train"]
    unique, what = (
        list(dict.fromkeys(train.keys)),
        "contexts" if any(train.contexts) else "questions",
    )
    shares = {"validation": 0.1, "test": 0.0 if "test" in splits else 0.1}
    parts = stratified_split([key_of(context) for context in unique], [0] * len(unique), **shares)
    home = {unique[place]: name for name, places in parts.items() for place in places}
    made: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for place, key in enumerate(train.keys):
        made[home[key]].append(place)
    found = {name: train.take(places) for name, places in made.items()} | {
        name: part for name, part in splits.items() if name == "test"
    }
    if empty := [name for name, part in found.items() if not len(part)]:
        raise fault(
            source,
            f"{len(unique):,} different {what} are too few to be split, none for {empty[0]}: "
            f"add some, or give a folder with train and dev",
        )
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in found.items())
    notes.append(f"train was split by the hash of its {what}: {sizes} questions")
    return found
