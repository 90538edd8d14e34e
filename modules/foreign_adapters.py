"""Adapters of peft that another program wrote: the merge into the base that they name."""

from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import AutoTokenizer

from modules import backbone_files, backbones
from modules.export_files import whole_folder
from modules.merging import check_close, merged_peft, refused
from modules.self_check import neutral

_AUTO = {
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "CAUSAL_LM": "AutoModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    "FEATURE_EXTRACTION": "AutoModel",
}
_HEADS = ("score", "classifier", "classifier.out_proj")


def merge_adapter(adapter: Path, folder: Path) -> str:
    """Write base and adapter as one ordinary folder of transformers, in fp32.

    Args:
        adapter: A folder with ``adapter_config.json`` and its weights.
        folder: The folder to write.

    Returns:
        A line on what was merged.

    Raises:
        ValueError: If the adapter is incomplete, its base cannot be found, or it cannot be merged.
    """
    import peft

    try:
        config: Any = peft.PeftConfig.from_pretrained(str(adapter))
        held = peft.load_peft_weights(str(adapter), device="cpu")
    except Exception as error:  # the libraries have many types for a broken file
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{adapter}: cannot be read ({reason}): is it half written?") from error
    if reason := refused(config):
        raise ValueError(f"{adapter}: {reason}")
    task = getattr(config.task_type, "value", config.task_type)
    if task not in _AUTO:
        raise ValueError(
            f"{adapter}: adapter_config.json has no task_type of {', '.join(_AUTO)}, which tells "
            f"the class of the model"
        )
    base = config.base_model_name_or_path
    if not base:
        raise ValueError(f"{adapter}: adapter_config.json names no base_model_name_or_path")
    base = str(adapter / base) if (adapter / base).is_dir() else base
    fields = {"num_labels": rows} if (rows := _outputs(held)) else {}
    try:
        bare = backbones.load_backbone(getattr(transformers, _AUTO[task]), base, None, **fields)
    except ValueError as error:
        reason = str(error).replace("--model.backbone ", "", 1)
        raise ValueError(f"{adapter}: the base of this adapter: {reason}") from error
    try:
        adapted = peft.PeftModel.from_pretrained(bare, str(adapter)).eval()
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{adapter}: does not fit its base {base} ({reason})") from error
    wanted = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
    if lacking := sorted(wanted.keys() - held.keys()):
        raise ValueError(f"{adapter}: its weights lack {lacking[0]}: is it half written?")
    words = any((adapter / f"tokenizer{end}").is_file() for end in ("_config.json", ".json"))
    tokenizer = AutoTokenizer.from_pretrained(adapter if words else backbone_files.resolve(base))
    before = _logits(adapted)
    with whole_folder(folder) as scratch:
        model = merged_peft(adapted)
        check_close(_logits(model), before, type(config).__name__)
        model.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
    return f"update of {type(config).__name__}, added to the weights of {base} in fp32"


def _outputs(held: dict[str, Tensor]) -> int | None:
    """Return the outputs of the classifier in an adapter's weights; None if they hold none."""
    for name, weight in held.items():
        if name.endswith(tuple(f".{head}.weight" for head in _HEADS)) and weight.ndim == 2:
            return len(weight)
    return None


@neutral()
@torch.inference_mode()
def _logits(model: Any) -> Tensor:
    ids_BT = torch.arange(8).reshape(2, 4) + 1
    inputs = {"input_ids": ids_BT, "attention_mask": torch.ones_like(ids_BT)}
    if getattr(model.config, "is_encoder_decoder", False):
        inputs["decoder_input_ids"] = ids_BT
    out = model.eval()(**inputs)
    return next(value for value in out.values() if isinstance(value, Tensor)).float()
