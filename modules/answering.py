"""Answers of a decoder to whole batches of questions."""

from collections.abc import Sequence

import torch
from torch import nn

from datamodules.packaged import pad_id


@torch.no_grad()
def generate(
    model: nn.Module,
    tokenizer,
    prompts: Sequence[Sequence[int]],
    limit: int,
    batch_size: int = 16,
) -> list[str]:
    """What the model answers to each prompt, the likeliest token each time.

    Args:
        prompts: token ids.
        limit: tokens of an answer.
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
            max_new_tokens=limit,
            do_sample=False,
            num_beams=1,
            eos_token_id=ends(tokenizer),
            pad_token_id=pad,
        )
        texts = tokenizer.batch_decode(ids_BT[:, longest:], skip_special_tokens=True)
        for number, text in zip(part, texts, strict=True):
            answers[number] = text.strip()
    return answers


def ends(tokenizer) -> list[int]:
    """Tokens that end an answer: of a text, and of a turn in the chat template."""
    question, answer = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    asked = tokenizer.apply_chat_template([question], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([question, answer], tokenize=False)
    closing = tokenizer(whole.removeprefix(asked), add_special_tokens=False)["input_ids"]
    found = [token for token in closing if token in tokenizer.all_special_ids][:1]
    return list(dict.fromkeys([*found, tokenizer.eos_token_id]))
