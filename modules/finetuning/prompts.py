"""What trained prompts share: the room that they leave in the context for a text."""

import peft
import torch
from torch import Tensor, nn


def context(model: nn.Module) -> int | None:
    """How many positions a backbone has, if it has a limit."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    for module in model.modules():
        # RoBERTa and its kin count positions from behind the padding's number.
        if isinstance(module, nn.Embedding) and module.num_embeddings == limit:
            return limit - (0 if module.padding_idx is None else module.padding_idx + 1)
    return limit


def longest_text(model: nn.Module) -> int | None:
    """How many tokens of a text fit behind the prompt, if there is a limit."""
    config, positions = getattr(model, "active_peft_config", None), context(model)
    if not getattr(config, "is_prompt_learning", False) or positions is None:
        return None
    return positions - config.num_virtual_tokens


def put_before(model: nn.Module, config: peft.PeftConfig, flag: str) -> peft.PeftModel:
    """The model with a trained prompt, which refuses texts that do not fit behind it."""
    tokens, positions = config.num_virtual_tokens, context(model)
    if positions is not None and tokens >= positions:
        kind = model.config.model_type
        raise ValueError(f"{flag} {tokens}: leaves no room in {kind}'s {positions} positions")
    # peft looks under one name only, which is not DistilBERT's.
    config.num_attention_heads = getattr(model.config, "num_attention_heads", None)
    model = peft.get_peft_model(model, config)
    model.register_forward_pre_hook(_refuse_long_texts, with_kwargs=True)
    return model


def draw(tokenizer, tokens: int) -> Tensor:
    """Numbers of ordinary tokens, at random; with replacement, as peft and Lester et al."""
    ordinary = sorted({*tokenizer.get_vocab().values()} - {*tokenizer.all_special_ids})
    return torch.tensor(ordinary)[torch.randint(len(ordinary), (tokens,))]


def _refuse_long_texts(model: nn.Module, args: tuple, inputs: dict) -> None:
    longest, ids = longest_text(model), inputs.get("input_ids")
    length = 0 if ids is None else ids.shape[1]
    if longest is not None and length > longest:
        raise ValueError(
            f"--data.max_length: a text of {length} tokens, where the prompt leaves {longest} of "
            f"{context(model)} positions"
        )
