"""Soft prompts: attaching one to a model, and the room that it leaves for a text."""

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from modules.backbones import context_length
from modules.encoding import soft_prompt_tokens
from modules.finetuning.base import FineTuningModule
from modules.protocols import TextData

if TYPE_CHECKING:
    import peft


def max_text_tokens(model: Any) -> int | None:
    """Return the number of tokens of a text that fit behind the prompt; None without a limit."""
    soft, positions = soft_prompt_tokens(model), context_length(model)
    return positions - soft if soft and positions is not None else None


def attach_soft_prompt(model: Any, config: Any, flag: str) -> "peft.PeftModel":
    """Return a peft model with a soft prompt, which refuses texts that do not fit behind it.

    Raises:
        ValueError: If the prompt fills the context.
    """
    import peft

    tokens, positions = config.num_virtual_tokens, context_length(model)
    if positions is not None and tokens >= positions:
        kind = model.config.model_type
        raise ValueError(f"{flag} {tokens}: leaves no room in {kind}'s {positions} positions")
    if config.task_type == "SEQ_2_SEQ_LM":
        config.num_transformer_submodules = 1  # before the encoder's text, as Lester et al. 2021
    elif model.config.is_encoder_decoder and not getattr(model, "encoder_only", False):
        raise ValueError(
            f"--model.task.pooling native: a prompt would stand before the encoder's text alone, "
            f"and {model.config.model_type} has a decoder behind it; use mean"
        )
    # peft looks under one name only, which is not DistilBERT's, and wants a number of any network.
    text = model.config.get_text_config()
    config.num_attention_heads = getattr(text, "num_attention_heads", None) or 1
    model = peft.get_peft_model(model, config)
    model.register_forward_pre_hook(_refuse_long_texts, with_kwargs=True)
    return model


def check_texts_fit(module: FineTuningModule, data: TextData) -> None:
    """Refuse data with a text that does not fit behind the prompt.

    Raises:
        ValueError: If a text is longer, or rows are of several records packed together, of which
            only the first would have the prompt before it.
    """
    if getattr(data, "packing", False):
        raise ValueError(
            f"--data.packing: the prompt of {type(module).__name__} stands before a row, and not "
            f"before each record in it; without it"
        )
    longest, room = data.max_row_length(), max_text_tokens(module.model)
    if room is not None and longest > (room := room - module.task.overhead):
        raise ValueError(
            f"--model.tokens: the prompt leaves room for {room} tokens, and the longest text has "
            f"{longest}; a shorter prompt, or --data.max_length {room}"
        )


def embedding(model: "peft.PeftModel") -> nn.Parameter:
    """Return the parameter of the prompt that :func:`attach_soft_prompt` attached."""
    return model.get_parameter("prompt_encoder.default.embedding.weight")


def word_vectors(model: Any, strategy: str) -> nn.Embedding:
    """Return the vectors of words, which a prompt stands among.

    Raises:
        ValueError: If the model's inputs are none.
    """
    with contextlib.suppress(NotImplementedError):
        if isinstance(found := model.get_input_embeddings(), nn.Embedding):
            return found
    kind = model.config.model_type
    raise ValueError(f"--model {strategy}: {kind} has no table of words' vectors; try LoRA")


def random_token_ids(tokenizer: Any, tokens: int) -> Tensor:
    """Draw ids of ordinary tokens, with replacement, as peft and Lester et al. do: (tokens,)."""
    ordinary = sorted({*tokenizer.get_vocab().values()} - {*tokenizer.all_special_ids})
    return torch.tensor(ordinary)[torch.randint(len(ordinary), (tokens,))]


def _refuse_long_texts(model: nn.Module, args: tuple, inputs: dict) -> None:
    longest, ids = max_text_tokens(model), inputs.get("input_ids")
    length = 0 if ids is None else ids.shape[1]
    if longest is not None and length > longest:
        raise ValueError(
            f"--data.max_length: a text of {length} tokens, where the prompt leaves {longest} of "
            f"{context_length(model)} positions"
        )
