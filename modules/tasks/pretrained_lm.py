"""A pretrained language model with its own head, for tasks that need no new one."""

from typing import Any

import transformers

from datamodules.packaged import load_tokenizer, pad_id
from modules import backbones
from modules.tasks.base import Task


def build(task: Task, backbone: str, dropout: float | None) -> tuple[Any, bool]:
    """Load the model, and set the task's names in transformers and peft.

    Returns:
        The model, and whether it predicts masked tokens rather than the next one.

    Raises:
        ValueError: If the encoder has no mask token.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    config = transformers.AutoConfig.from_pretrained(backbones.resolve(backbone))
    masked = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    # peft has no type for masked language models: this one leaves the outputs as they are.
    task.peft_type = "FEATURE_EXTRACTION" if masked else "CAUSAL_LM"
    task.auto_class = "AutoModelForMaskedLM" if masked else "AutoModelForCausalLM"
    task.pipeline = "fill-mask" if masked else "text-generation"
    model = backbones.load_backbone(getattr(transformers, task.auto_class), backbone, dropout)
    tokenizer = load_tokenizer(backbone)
    model.config.get_text_config().pad_token_id = pad_id(tokenizer)
    if masked and tokenizer.mask_token_id is None:
        raise ValueError(f"--model.task {type(task).__name__}: {backbone} has no mask token")
    return model, masked
