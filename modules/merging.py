"""The merge of what was trained into the weights of the backbone: an ordinary model."""

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from modules.backbones import unwrap
from modules.encoding import Text, encode, reads_pairs
from modules.export_files import whole_folder
from modules.exporting import write_ordinary
from modules.finetuning.base import FineTuningModule
from modules.finetuning.quantization import dequantized
from modules.loading import load
from modules.self_check import neutral
from modules.tasks.pooled_network import LinearHead
from modules.text_rows import batch_of

if TYPE_CHECKING:
    import peft

_PROBES = ("a first text", "and another text, which is longer than the first", "a")
_NOT_MERGED = (NotImplementedError, ValueError, RuntimeError, AttributeError)  # by peft
_CURE = "the export with the adapter is the one that travels, and modules.load opens it"
_TOLERANCE = 1e-3  # of the largest logit: rounding is a hundred times less, a wrong merge more


def obstacle(module: FineTuningModule) -> str:
    """Return the reason for which a module cannot be merged, and what to do; empty if it can."""
    import peft

    name = getattr(module, "strategy", "") or type(module).__name__
    if isinstance(net := unwrap(module.model), LinearHead):
        kind = net.config.model_type
        return f"{name}: transformers has no class for this head on {kind}; {_CURE}"
    if hasattr(module, "own_format"):
        return f"{name} adds layers, for which no model of transformers has a place; {_CURE}"
    model = module.model
    if not isinstance(model, peft.PeftModel):
        return ""
    if reason := refused(model.active_peft_config):
        return f"{name}: {reason}"
    tuner: Any = model.base_model
    try:
        tuner._check_merge_allowed()
    except _NOT_MERGED as error:
        return _not_merged(model, error)
    return ""


def refused(config: "peft.PeftConfig") -> str:
    """Return the reason for which a kind of adapter cannot be merged; empty if it may be."""
    if not config.is_prompt_learning:
        return ""
    return f"a trained prompt stands before the text, and is no weight of the model; {_CURE}"


def is_ordinary(module: FineTuningModule) -> bool:
    """Tell whether the module's model is one of transformers, into which nothing is merged."""
    import peft

    return not isinstance(module.model, peft.PeftModel) and not hasattr(module, "own_format")


def merge(module: FineTuningModule, folder: Path, facts: dict[str, Any] | None = None) -> Path:
    """Write a module as an ordinary folder of transformers; whole or not at all.

    The weights are fp32, whatever type the backbone's files have: the sum of backbone and update is
    computed in it, and a smaller type would round much of the update away. Without an update, as
    after full fine-tuning, the folder is that of ``export``. Under a mean-pooled head, for which
    transformers has no class, the merged encoder is in ``encoder/``, with the head's weights beside
    it: ``modules.load`` opens it, and ``pipeline`` does not. The update of quantised matrices goes
    into what they stand for, on which it was trained, and not into the backbone's own weights.

    The logits of what was written are compared with the module's own before the folder gets its
    name.

    Args:
        module: A fine-tuned module; it stays as it is.
        folder: The folder to write; an older one of this name is replaced.
        facts: Of the run, for the model card.

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
        wanted = _logits(module)
        with whole_folder(folder) as scratch:
            write_ordinary(module, merged(module), scratch, facts)
            check_close(_logits(load(scratch, module.device)), wanted, type(module).__name__)
    finally:
        module.train(training)
    return Path(folder).absolute()


def merged_peft(model: "peft.PeftModel") -> PreTrainedModel:
    """Return the model of transformers with the update in its weights; the peft model is used up.

    Raises:
        ValueError: If peft does not merge this kind of adapter.
    """
    from peft.utils.other import ModulesToSaveWrapper

    # peft unwraps such a head only if it is a single layer with a weight, unlike RoBERTa's.
    for name, part in list(model.named_modules()):
        if isinstance(part, ModulesToSaveWrapper):
            parent, _, last = name.rpartition(".")
            trained = part.modules_to_save[str(part.active_adapter)]
            setattr(model.get_submodule(parent), last, trained)
    tuner: Any = model.base_model
    try:
        return tuner.merge_and_unload(safe_merge=True)
    except _NOT_MERGED as error:
        raise ValueError(_not_merged(model, error)) from error


def check_close(found: Tensor, wanted: Tensor, kind: str) -> None:
    """Refuse merged logits that differ from those of the model as trained.

    Raises:
        ValueError: If they differ by more than rounding.
    """
    off, most = float((found - wanted).abs().max()), max(1.0, float(wanted.abs().max()))
    if not off <= _TOLERANCE * most:  # NaN is not
        raise ValueError(
            f"the merged model's logits differ by {off:.2g} from those of {kind}, which so does "
            f"more than change weights; {_CURE}"
        )


def merged(module: FineTuningModule) -> PreTrainedModel:
    """Return the model of transformers with the update in its weights; the module stays as it is.

    Raises:
        ValueError: If peft does not merge this kind of adapter.
    """
    import peft

    model = getattr(module, "peft_for_export", lambda: module.model)()
    plain = dequantized(model)
    if not isinstance(plain, peft.PeftModel):
        return plain
    return merged_peft(copy.deepcopy(plain) if plain is module.model else plain)


def _not_merged(model: "peft.PeftModel", error: Exception) -> str:
    kind = type(model.active_peft_config).__name__
    reason = str(error).strip().partition("\n")[0].partition(". ")[0].rstrip(".")
    return f"peft does not merge {kind} ({reason or type(error).__name__}); {_CURE}"


@neutral()
@torch.inference_mode()
def _logits(module: Any) -> Tensor:
    """Return the logits of a few texts, of every token where the task has no label for a text."""
    pairs = [(text, _PROBES[0]) for text in _PROBES]
    texts: list[Text] = [*(pairs if reads_pairs(module.task) else _PROBES)]
    rows = encode(module, texts)
    batch = batch_of(module, rows, list(range(len(texts))))
    if module.task.vectors or module.task.label_kind not in ("none", "tags"):
        return module.predict_logits(batch).float()
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    if module.model.config.is_encoder_decoder:
        given["decoder_input_ids"] = batch["input_ids"]
    held = module.model(**given).logits.float()
    return held[batch["attention_mask"].bool()]  # what padding gives is nobody's
