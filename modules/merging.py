"""The merge of what was trained into the weights of the backbone: an ordinary model."""

import copy
from pathlib import Path
from typing import Any

import peft
import torch
from peft.utils.other import ModulesToSaveWrapper
from torch import Tensor
from transformers import PreTrainedModel

from modules.encoding import Text, encode, reads_pairs
from modules.exporting import whole_folder, write_ordinary
from modules.finetuning.base import FineTuningModule
from modules.loading import load

_PROBES = ("a first text", "and another text, which is longer than the first", "a")
_TOLERANCE = 1e-3  # of the largest logit: rounding is a hundred times less, a wrong merge more


def obstacle(module: FineTuningModule) -> str:
    """Return the reason for which a module cannot be merged, and what to do; empty if it can."""
    name = getattr(module, "strategy", "") or type(module).__name__
    cure = "the adapter's export is what travels, and load opens it (--export adapter)"
    if hasattr(module, "own_format"):
        return f"{name} adds layers, for which no model of transformers has a place; {cure}"
    model = module.model
    if not isinstance(model, peft.PeftModel):
        return ""
    if model.active_peft_config.is_prompt_learning:
        return f"{name} trains what stands before a text, which is no weight of the model; {cure}"
    tuner: Any = model.base_model
    try:
        tuner._check_merge_allowed()
    except (NotImplementedError, ValueError, RuntimeError) as error:
        kind = type(model.active_peft_config).__name__
        return f"peft does not merge {kind} ({str(error).strip().partition('. ')[0]}); {cure}"
    return ""


def merge(module: FineTuningModule, folder: Path) -> Path:
    """Write a module as an ordinary folder of transformers; whole or not at all.

    The weights are fp32, whatever type the backbone's files have: the sum of backbone and update is
    computed in it, and a smaller type would round much of the update away. Without an update, as
    after full fine-tuning, the folder is that of ``export``. Under a mean-pooled head, for which
    transformers has no class, the merged encoder is in ``encoder/``, with the head's weights beside
    it: ``modules.load`` opens it, and ``pipeline`` does not.

    The logits of what was written are compared with the module's own before the folder gets its
    name.

    Args:
        module: A fine-tuned module; it stays as it is.
        folder: The folder to write; an older one of this name is replaced.

    Returns:
        The absolute path of the folder.

    Raises:
        ValueError: If the module cannot be merged.
    """
    if reason := obstacle(module):
        raise ValueError(reason)
    module = module.in_full_precision()
    training = module.training
    module.eval()
    try:
        with whole_folder(folder) as scratch:
            write_ordinary(module, merged(module), scratch)
            _check_same(module, scratch)
    finally:
        module.train(training)
    return Path(folder).absolute()


def merged(module: FineTuningModule) -> PreTrainedModel:
    """Return the model of transformers with the update in its weights, beside the module."""
    model = getattr(module, "peft_for_export", lambda: module.model)()
    if not isinstance(model, peft.PeftModel):
        return model
    model = copy.deepcopy(model) if model is module.model else model
    # peft unwraps such a head only if it is a single layer with a weight, unlike RoBERTa's.
    for name, part in list(model.named_modules()):
        if isinstance(part, ModulesToSaveWrapper):
            parent, _, last = name.rpartition(".")
            trained = part.modules_to_save[str(part.active_adapter)]
            setattr(model.get_submodule(parent), last, trained)
    mixer: Any = model.base_model
    try:
        return mixer.merge_and_unload(safe_merge=True)
    except (NotImplementedError, ValueError, RuntimeError, AttributeError) as error:
        kind = type(model.active_peft_config).__name__
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"peft does not merge {kind} into this model ({reason}); the adapter's export is what "
            f"travels, and load opens it"
        ) from error


def _check_same(module: FineTuningModule, folder: Path) -> None:
    """Compare the logits of a module and of the folder that holds it merged.

    Raises:
        ValueError: If they differ.
    """
    wanted = _logits(module)
    found = _logits(load(folder, module.device))
    off, most = float((found - wanted).abs().max()), max(1.0, float(wanted.abs().max()))
    if not off <= _TOLERANCE * most:  # NaN is not
        kind = type(module).__name__
        raise ValueError(
            f"the merged model's logits differ by {off:.2g} from those of {kind}: this update "
            f"depends on more than the weights; keep the adapter's export, which load opens"
        )


@torch.inference_mode()
def _logits(module: Any) -> Tensor:
    """Return the logits of a few texts, of every token where the task has no label."""
    pairs = [(text, _PROBES[0]) for text in _PROBES]
    texts: list[Text] = [*(pairs if reads_pairs(module.task) else _PROBES)]
    rows = encode(module, texts)
    batch = rows.batch(list(range(len(texts))))
    on_device = {n: v.to(module.device) if isinstance(v, Tensor) else v for n, v in batch.items()}
    if module.task.label_kind != "none":
        return module.predict_logits(on_device).float()
    names = ("input_ids", "attention_mask")
    held = module.model(**{name: on_device[name] for name in names}).logits.float()
    return held[on_device["attention_mask"].bool()]  # what padding gives is nobody's
