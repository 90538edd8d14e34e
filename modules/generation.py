"""Greedy answers of a decoder to batches of prompts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from datamodules.packaged import pad_id
from modules.backbones import unwrap


@torch.no_grad()
def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    batch_size: int = 16,
) -> list[str]:
    """Answer each prompt by greedy decoding: always the token with the highest logit.

    Penalties and bans of the model's own generation config do not count.

    Args:
        model: A decoder of transformers, with or without a peft model around it.
        prompts: token ids of each prompt.
        max_new_tokens: The number of tokens after which an answer is cut.
        batch_size: Prompts that are answered at once; those of like length share a batch.

    Returns:
        The answers without special tokens, in the order of the prompts.
    """
    device, pad = next(model.parameters()).device, pad_id(tokenizer)
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    answers = [""] * len(prompts)
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        longest = max(len(prompts[number]) for number in part)
        rows = [[pad] * (longest - len(prompts[n])) + list(prompts[n]) for n in part]
        mask = [[0] * (longest - len(prompts[n])) + [1] * len(prompts[n]) for n in part]
        with plain_generation_config(model):
            ids_BT = model.generate(
                input_ids=torch.tensor(rows, device=device),
                attention_mask=torch.tensor(mask, device=device),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                num_beams=1,
                eos_token_id=stop_token_ids(tokenizer),
                pad_token_id=pad,
            )
        texts = tokenizer.batch_decode(ids_BT[:, longest:], skip_special_tokens=True)
        for number, text in zip(part, texts, strict=True):
            answers[number] = text.strip()
    return answers


@contextmanager
def plain_generation_config(model: Any) -> Iterator[None]:
    """Set the model's generation config aside, which would fill in whatever a call leaves open."""
    from transformers import GenerationConfig

    inner = unwrap(model)
    kept, own = inner.generation_config, vars(model).get("generation_config")
    inner.generation_config = GenerationConfig(
        decoder_start_token_id=kept.decoder_start_token_id, bos_token_id=kept.bos_token_id
    )
    if own is not None:  # peft hands its own on to the model
        model.generation_config = inner.generation_config
    try:
        yield
    finally:
        inner.generation_config = kept
        if own is not None:
            model.generation_config = own


def stop_token_ids(tokenizer: Any) -> list[int]:
    """Return the ids of the tokens that end an answer: of a chat turn, and of a text."""
    if not tokenizer.chat_template:
        return [tokenizer.eos_token_id]
    question, answer = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    asked = tokenizer.apply_chat_template([question], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([question, answer], tokenize=False)
    closing = tokenizer(whole.removeprefix(asked), add_special_tokens=False)["input_ids"]
    found = [token for token in closing if token in tokenizer.all_special_ids][:1]
    return list(dict.fromkeys([*found, tokenizer.eos_token_id]))
