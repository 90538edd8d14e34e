"""Answers of a decoder to batches of prompts, and of an encoder-decoder to texts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from datamodules.packaged import pad_id
from modules.text_rows import pad

_KEPT = ("bos_token_id", "decoder_start_token_id", "cache_implementation")
_GREEDY = {"do_sample": False, "num_beams": 1}
# What changes no text, or is always said by an argument.
_NO_CHOICE = {"eos_token_id", "pad_token_id", "max_length", "max_new_tokens", "use_cache"}
_NO_CHOICE |= {"transformers_version"}


@torch.no_grad()
def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    batch_size: int = 16,
    prefix_cache: Any = None,
    **decoding: Any,
) -> list[str]:
    """Answer each prompt, by greedy decoding unless told otherwise.

    What the model's own generation config asks for, such as sampling or a repetition penalty, is
    set aside.

    Args:
        model: A decoder or an encoder-decoder of transformers, with or without a peft model around.
        prompts: token ids of each prompt, or of each text that an encoder reads.
        max_new_tokens: The number of tokens after which an answer is cut.
        batch_size: Prompts that are answered at once; those of like length share a batch.
        prefix_cache: A ``PrefixCache`` of the tokens that the prompts of a batch begin with; None
            to compute them for each.
        decoding: Other arguments of the model's ``generate``, such as ``num_beams``.

    Returns:
        The answers without special tokens, in the order of the prompts.
    """
    device, fill = next(model.parameters()).device, pad_id(tokenizer)
    encodes, decoding = model.config.is_encoder_decoder, {**_GREEDY, **decoding}
    left = not encodes  # a decoder goes on behind its prompt
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    answers = [""] * len(prompts)
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        rows = [prompts[number] for number in part]
        size, cached = 0, {}
        if prefix_cache is not None and left:
            size, cached = prefix_cache.of_rows(model, rows, device)
        # Padding stands between the common beginning and the rest of a row.
        start_BP = torch.tensor([row[:size] for row in rows], dtype=torch.int64)
        rest = [row[size:] for row in rows]
        given_BT = torch.cat([start_BP, pad(rest, fill, left)], 1).to(device)
        filled_BT = pad([[1] * len(row) for row in rest], 0, left)
        mask_BT = torch.cat([torch.ones_like(start_BP), filled_BT], 1).to(device)
        with generation_defaults_set_aside(model):
            ids_BT = model.generate(
                input_ids=given_BT,
                attention_mask=mask_BT,
                max_new_tokens=max_new_tokens,
                eos_token_id=stop_token_ids(tokenizer),
                pad_token_id=fill,
                **cached,
                **decoding,
            )
        written_BT = ids_BT if encodes else ids_BT[:, given_BT.shape[1] :]
        texts = tokenizer.batch_decode(written_BT, skip_special_tokens=True)
        for number, text in zip(part, texts, strict=True):
            answers[number] = text.strip()
    return answers


@contextmanager
def generation_defaults_set_aside(model: Any) -> Iterator[None]:
    """Let ``generate`` obey its arguments alone: no sampling, penalty or ban that a model brings.

    Args:
        model: A decoder of transformers, with or without a peft model around it.
    """
    from transformers import GenerationConfig

    owners = _with_generation_config(model)
    kept = [owner.generation_config for owner in owners]
    for owner, own in zip(owners, kept, strict=True):
        values = {name: getattr(own, name, None) for name in _KEPT}
        owner.generation_config = GenerationConfig(**values)
    try:
        yield
    finally:
        for owner, own in zip(owners, kept, strict=True):
            owner.generation_config = own


def generation_defaults(model: Any) -> dict[str, Any]:
    """Return what a model's generation config asks for beyond its special tokens, by name."""
    found = {}
    for owner in _with_generation_config(model):
        asked = owner.generation_config.to_diff_dict()
        for name in asked.keys() - {*_KEPT, *_NO_CHOICE}:
            if asked[name] not in (None, False) and name[0] != "_":
                found[name] = asked[name]
    return dict(sorted(found.items()))


def _with_generation_config(model: Any) -> list[Any]:
    return [part for part in model.modules() if "generation_config" in vars(part)]


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
