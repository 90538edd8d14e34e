"""Every strategy with every task on a tiny backbone, with weights that have moved."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

import modules
from tests import tiny

LABELS = ["bad", "good", "unsure"]
TEXTS = ["a gripping film", "the worst film of the year", "cold", "warm and clever"]
PAIRS = [(text, "a dull film") for text in TEXTS]
TASKS = {
    "class": lambda: modules.Classification(labels=LABELS),
    "mean": lambda: modules.Classification(labels=LABELS, pooling="mean"),
    "pairs": lambda: modules.PairClassification(labels=LABELS),
    "number": modules.Regression,
    "several": lambda: modules.MultiLabel(labels=LABELS),
    "tags": lambda: modules.TokenClassification(labels=["O", "B-film", "I-film"]),
    "text": modules.LanguageModeling,
    "vector": modules.Embedding,
    "words": lambda: modules.PromptedClassification(
        "{{ text }} it is {{ mask }}", {"negative": "stupid", "positive": "clever"}
    ),
    "chat": lambda: modules.InstructionFollowing(
        "{% for m in messages %}{{ m['content'] }} {% endfor %}"
    ),
}


def stirred(strategy: type, backbone: str, task: Any, **settings: Any) -> Any:
    """A module in eval mode whose trained weights have moved."""
    module = tiny.make(strategy, backbone, task=task, **settings).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return module


def all_of(
    strategy: type, backbone: str, names: Iterable[str] = TASKS
) -> Iterator[tuple[str, Any, list]]:
    """The name, the module and the texts of each of these tasks that the strategy takes."""
    for name in names:
        try:
            module = stirred(strategy, backbone, TASKS[name]())
        except ValueError:  # such as a chat of an encoder
            continue
        yield name, module, PAIRS if name == "pairs" else TEXTS


def answers(module: Any, texts: list) -> list:
    """What the module says of the texts, as plain values."""
    if modules.inference.fills_masks(module):
        texts = [f"{text} [MASK]" for text in texts]
    found = modules.inference.predict(module, texts, max_new_tokens=6)
    if found.probabilities is None:
        return found.values
    return [row.tolist() for row in found.probabilities]
