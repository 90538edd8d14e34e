"""Folders of transformers that no export of ours made, as modules that predict."""

import json
from pathlib import Path
from typing import Any

from modules.exported import Exported, Refused
from modules.finetuning.base import FineTuningModule
from modules.tasks import from_dict, to_dict
from modules.tasks.classification import Classification
from modules.tasks.instruction_following import InstructionFollowing
from modules.tasks.multilabel import MultiLabel
from modules.tasks.question_answering import QuestionAnswering
from modules.tasks.regression import Regression
from modules.tasks.token_classification import TokenClassification


def read(folder: Path) -> FineTuningModule:
    """Read a folder of transformers alone, whose config names the labels.

    Raises:
        ValueError: If its network has no head for a task.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = (config.get("architectures") or ["a model without architectures"])[0]
    names = config.get("id2label") or {}
    labels = [names[number] for number in sorted(names, key=int)]
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    chats = (folder / "chat_template.jinja").is_file() or "chat_template" in settings
    task: Any
    if kind.endswith("ForSequenceClassification"):
        problem = config.get("problem_type")
        if problem == "regression" or (len(labels) == 1 and not problem):
            task = Regression()
        elif problem == "multi_label_classification":
            task = MultiLabel(labels)
        else:
            task = Classification(labels or None)
    elif kind.endswith("ForTokenClassification"):
        task = TokenClassification(labels)
    elif kind.endswith("ForQuestionAnswering"):
        task = QuestionAnswering()
    elif kind.endswith("ForCausalLM") and chats:
        task = InstructionFollowing()
    else:
        raise Refused(
            f"{folder}: a pre-trained network ({kind}) without a head for a task: fine-tune it "
            f"with --model.backbone {folder}"
        )
    return Exported(str(folder), backbone=str(folder), task=from_dict(to_dict(task)))
