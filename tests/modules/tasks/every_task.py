"""The data of each task, and the cells of strategies, tasks and backbones that are tried."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from datamodules import Instructions
from modules import (
    BitFit,
    Classification,
    Embedding,
    FullFineTuning,
    InstructionFollowing,
    LoRA,
    MultiLabel,
    MultipleChoice,
    PairClassification,
    Preference,
    PromptedClassification,
    PromptedGeneration,
    QuestionAnswering,
    SequenceToSequence,
    TokenClassification,
)
from modules.registry import registered
from modules.tasks import Task
from tests import asked, preferred, seq2seq, tagged, tiny

DECODERS = (InstructionFollowing, Preference, SequenceToSequence, PromptedGeneration)
TASKS = registered(Task)


def data_for(kind, backbone, scored, reviews):
    if kind is InstructionFollowing:
        rows = [{"instruction": f"{n:02}", "output": ("good", "bad")[n % 2]} for n in range(8)]
        for split in ("train", "dev"):
            file = scored.parent / "chats" / f"{split}.jsonl"
            file.parent.mkdir(exist_ok=True)
            file.write_text("\n".join(map(json.dumps, rows)))
        data = Instructions(str(file.parent), backbone, template="plain", max_length=44)
        data.setup("fit")
        return data
    if kind is Preference:
        return preferred.read(scored.parent / "pairs.jsonl", backbone)
    others = dict.fromkeys((QuestionAnswering, PromptedGeneration), asked.read)
    others |= {SequenceToSequence: seq2seq.read, TokenClassification: tagged.read}
    if read := {**others, MultipleChoice: asked.read_choices}.get(kind):
        return read(scored.parent / kind.__name__, backbone)
    if kind in (Classification, Embedding, PairClassification, PromptedClassification):
        pair = "pair" if kind is PairClassification else None
        return tiny.read(reviews, backbone, pair_column=pair, batch_size=8)
    column = "names" if kind is MultiLabel else "score"
    return tiny.read(scored, backbone, labels=kind.label_kind, label_column=column, batch_size=8)


def task_for(kind, data):
    return kind(labels=data.label_names) if hasattr(kind(), "labels") else kind()


def pairs() -> Iterator[Any]:
    """Each strategy with each task, on one backbone and the other in turn.

    Two strategies also have the tasks on both; every other cell of theirs is quick.
    """
    for row, strategy in enumerate(tiny.STRATEGIES):
        for column, kind in enumerate(TASKS.values()):
            places = ["bert", "llama"] if (row + column) % 2 else ["llama", "bert"]
            if strategy is BitFit:  # llama has no biases
                places = ["bert"]
            if kind in DECODERS:
                places = ["llama"]
            for turn, backbone in enumerate(places):
                quick = strategy in (FullFineTuning, LoRA) and not turn
                if turn == 0 or strategy in (FullFineTuning, LoRA):
                    name = f"{strategy.__name__}-{kind.__name__}-{backbone}"
                    marks = () if quick else pytest.mark.slow
                    yield pytest.param(strategy, kind, backbone, id=name, marks=marks)
