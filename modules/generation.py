"""Greedy answers of a decoder to batches of prompts."""

from collections.abc import Sequence
from typing import Any

import torch

from datamodules.packaged import pad_id


@torch.no_grad()
def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    batch_size: int = 16,
) -> list[str]:
    """Answer each prompt by greedy decoding.

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
