"""The log-probabilities of answers where the text does not tell, which calibration takes away."""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from datamodules.packaged import pad_id
from modules.prompts import scoring
from modules.tasks import chosen_answers
from modules.tasks.prompted_classification import PromptedClassification

Calibration = Literal["none", "content_free", "texts"]
# The three over which Zhao et al. 2021 average.
_CONTENT_FREE = ("N/A", "[MASK]", "")
_TEXTS = 128  # unlabelled texts that stand for all


def check(task: Any, calibration: Calibration) -> None:
    """Refuse a calibration that the answers of a task do not allow.

    Raises:
        ValueError: If there are no scores to calibrate, or they would need too many prompts.
    """
    if calibration == "none" or isinstance(task, PromptedClassification):
        return
    if task.answers == "words":
        raise ValueError(
            f"--model.calibration {calibration}: answers in free words have no scores to "
            f"calibrate; leave it out, or choose among choices (--model.task.answers choices)"
        )
    if calibration == "texts":
        raise ValueError(
            "--model.calibration texts: would score 128 texts for every row, as each question "
            "has choices of its own; use content_free"
        )


def priors(module: Any, batch: Any, prefixes: list[str]) -> Tensor:
    """Return the log-probabilities of the answers of a prepared batch, (B, L)."""
    if not isinstance(module.task, PromptedClassification):
        parts = chosen_answers.content_free(module.task, batch, _CONTENT_FREE)
        shares_KBL = torch.stack([module._scores(part).softmax(1) for part in parts])
        # A choice that a question has not has no share, and keeps its score.
        return shares_KBL.mean(0).clamp(min=torch.finfo(torch.float32).tiny).log()
    for prefix in dict.fromkeys(prefixes):
        if prefix not in module.priors:
            module.priors[prefix] = _of_prefix(module, prefix)
    return torch.stack([module.priors[prefix] for prefix in prefixes])


def _of_prefix(module: Any, prefix: str) -> Tensor:
    """Return the log-probabilities of the words behind a text before the prompt, (classes,)."""
    task, found = module.task, []
    names = task.template.columns
    rows = [dict.fromkeys(names, text) for text in _CONTENT_FREE]
    if module.calibration == "texts":
        assert module.data is not None  # attached before anything is asked
        columns = module.data.texts_of("train")
        draws = np.random.default_rng(module.seed)
        count = len(columns["text"])
        chosen = draws.choice(count, min(count, _TEXTS), replace=False).tolist()
        rows = [{name: columns[name][row] for name in names} for row in chosen]
    for start in range(0, len(rows), 16):
        part = rows[start : start + 16]
        encoded = task.encode(part, [prefix] * len(part))
        batch = scoring.collate(encoded, pad_id(task.tokenizer), module.device)
        found.append(module._scores(batch).softmax(1))
    return torch.cat(found).mean(0).log()
