"""A pretrained language model with its own head, for tasks that need no new one."""

from typing import Any

import transformers

from datamodules.packaged import load_tokenizer, pad_id
from modules import backbone_files, backbones, causal_checks
from modules.output_layer import check_output_layer, selection
from modules.tasks.base import Task


def build(task: Task, backbone: str, dropout: float | None) -> tuple[Any, bool]:
    """Load the model, and set the task's names in transformers and peft.

    Returns:
        The model, and whether it predicts masked tokens rather than the next one.

    Raises:
        ValueError: If the encoder has no mask token, the decoder sees later tokens, or the family
            is neither.
    """
    config = transformers.AutoConfig.from_pretrained(backbone_files.resolve(backbone))
    name, family = type(task).__name__, config.model_type
    is_decoder = getattr(config, "is_decoder", False)
    masked = type(config) in transformers.AutoModelForMaskedLM._model_mapping and not is_decoder
    if not masked and type(config) not in transformers.AutoModelForCausalLM._model_mapping:
        raise ValueError(
            f"--model.task {name}: transformers has no {family} ({backbone}) that predicts masked "
            f"or next tokens alone; it takes an encoder with a mask token, or a decoder"
        )
    # peft has no type for masked language models: this one leaves the outputs as they are.
    task.peft_type = "FEATURE_EXTRACTION" if masked else "CAUSAL_LM"
    task.auto_class = "AutoModelForMaskedLM" if masked else "AutoModelForCausalLM"
    task.pipeline = "fill-mask" if masked else "text-generation"
    model = backbones.load_backbone(getattr(transformers, task.auto_class), backbone, dropout)
    tokenizer = load_tokenizer(backbone)
    model.config.get_text_config().pad_token_id = pad_id(tokenizer)
    if masked and tokenizer.mask_token_id is None:
        raise ValueError(f"--model.task {name}: {backbone} has no mask token")
    if not masked and causal_checks.sees_later_tokens(model):
        raise ValueError(
            f"--model.task {name}: the attention of {backbone} ({family}) sees the later tokens, "
            f"which it would have to predict; it takes a decoder, such as smollm2"
        )
    check_output_layer(model, f"--model.task {name}: {backbone}")
    selection(model)  # while the weights are float32
    return model, masked


def build_decoder(task: Task, backbone: str, dropout: float | None) -> Any:
    """Load a model that predicts next tokens.

    Raises:
        ValueError: As :func:`build` does, and if it is an encoder.
    """
    model, masked = build(task, backbone, dropout)
    if masked:
        raise ValueError(
            f"--model.task {type(task).__name__}: {backbone} is an encoder; it takes a decoder, "
            f"such as --model.backbone smollm2"
        )
    return model
