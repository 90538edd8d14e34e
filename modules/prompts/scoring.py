"""Log-likelihoods of answers to a prompt.

A prompt is encoded as one row of tokens, or a few, and for each answer the positions that predict
its tokens. Answers that differ in their last token only share a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from datamodules.batches import LabelledBatch
from datamodules.packaged import pad_id
from modules.output_layer import run_at
from modules.prompts.prefix_cache import PrefixCache
from modules.prompts.templates import Prompt


class PromptBatch(TypedDict):
    """B prompts of L answers as R >= B rows, padded on the right to T, and N tokens of answers."""

    input_ids: Tensor  # (R, T) int64
    attention_mask: Tensor  # (R, T) int64
    targets: Tensor  # (4, N) int64: row, position that predicts, token, prompt * L + answer
    answers: int  # L


class LabelledPrompts(PromptBatch, LabelledBatch):  # type: ignore[misc]
    """Prompts with the labels of their rows; ``input_ids`` are those of the prompts."""


@dataclass(frozen=True)
class EncodedPrompt:
    """One prompt as token ids.

    Attributes:
        rows: token ids of each row.
        targets: Row, position, token and answer of each token of each answer.
    """

    rows: list[list[int]]
    targets: list[tuple[int, int, int, int]]

    @property
    def length(self) -> int:
        """Return the tokens of the longest row."""
        return max(len(row) for row in self.rows)


def encode_causal(
    tokenizer: Any, prompts: Sequence[Prompt], words: Sequence[str]
) -> list[EncodedPrompt]:
    """Encode prompts for a decoder, which reads no further than the answer.

    Prompt and answer are tokenised together. The tokens that all answers and the prompt alone have
    in common are the context; what follows is the answer, where a tokenizer joins the two as well.
    """
    texts = [
        text for p in prompts for text in (p.context, *(p.context + p.separator + w for w in words))
    ]
    ids = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
    start = [i for i in tokenizer("")["input_ids"] if i == tokenizer.bos_token_id]
    found = []
    for number in range(0, len(ids), 1 + len(words)):
        group = ids[number : number + 1 + len(words)]
        size = sum(1 for _ in takewhile(_all_same, zip(*group, strict=False)))
        # Something has to come before the answer.
        context = start + group[0][:size] or [tokenizer.eos_token_id]
        answers = [whole[size:] for whole in group[1:]]
        # Of all answers without their last token, those that begin no other one.
        heads = sorted({tuple(answer[:-1]) for answer in answers}, key=len, reverse=True)
        kept: list[tuple[int, ...]] = []
        for head in heads:
            if not any(other[: len(head)] == head for other in kept):
                kept.append(head)
        targets = []
        for answer, tokens in enumerate(answers):
            row = next(n for n, h in enumerate(kept) if h[: len(tokens) - 1] == tuple(tokens[:-1]))
            places = range(len(context) - 1, len(context) - 1 + len(tokens))
            targets += [(row, *pair, answer) for pair in zip(places, tokens, strict=True)]
        found.append(EncodedPrompt([[*context, *head] for head in kept], targets))
    return found


def encode_cloze(
    tokenizer: Any, prompts: Sequence[Prompt], words: Sequence[str]
) -> list[EncodedPrompt]:
    """Encode prompts for a masked encoder: as many masks as the word has tokens."""
    mask, name = tokenizer.mask_token_id, tokenizer.mask_token
    spelt = [tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in words]
    sizes = sorted({len(tokens) for tokens in spelt})
    texts = [f"{p.context}{p.separator}{name * n}{p.after}" for p in prompts for n in sizes]
    ids = tokenizer(texts, verbose=False)["input_ids"] if texts else []
    found = []
    for number, prompt in enumerate(prompts):
        rows = ids[number * len(sizes) : (number + 1) * len(sizes)]
        behind, targets = prompt.after.count(name), []
        for answer, tokens in enumerate(spelt):
            row = sizes.index(len(tokens))
            places = [place for place, token in enumerate(rows[row]) if token == mask]
            places = places[: len(places) - behind][-len(tokens) :]
            targets += [(row, *pair, answer) for pair in zip(places, tokens, strict=True)]
        found.append(EncodedPrompt(rows, targets))
    return found


def _all_same(tokens: tuple[int, ...]) -> bool:
    return len(set(tokens)) == 1


def collate(
    encoded: Sequence[EncodedPrompt], pad: int, device: torch.device | str = "cpu"
) -> PromptBatch:
    """Collate prompts to one batch, padded on the right; L is the most answers of one."""
    answers = 1 + max(answer for prompt in encoded for *_, answer in prompt.targets)
    rows: list[list[int]] = []
    targets: list[tuple[int, int, int, int]] = []
    for number, prompt in enumerate(encoded):
        for row, place, token, answer in prompt.targets:
            targets.append((len(rows) + row, place, token, number * answers + answer))
        rows += prompt.rows
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    ids = torch.full(mask.shape, pad)
    ids[mask] = torch.tensor([token for row in rows for token in row])
    return {
        "input_ids": ids.to(device),
        "attention_mask": mask.long().to(device),
        "targets": torch.tensor(targets).T.to(device),
        "answers": answers,
    }


def answer_log_likelihoods(
    model: Any,
    batch: PromptBatch,
    normalize: bool = True,
    prefix_cache: PrefixCache | None = None,
) -> Tensor:
    """Return the log-likelihoods of the answers, (B, L) in fp32; 0 for one that is not there.

    Args:
        model: A language model of transformers, with or without a peft model around it.
        batch: Encoded prompts.
        normalize: Whether to take the mean over an answer's tokens rather than their sum.
        prefix_cache: Of the tokens that all rows begin with; without gradients.
    """
    row_N, place_N, token_N, slot_N = batch["targets"]
    length = batch["input_ids"].shape[1]
    inputs: dict[str, Any] = {}
    if prefix_cache is not None:
        inputs = prefix_cache.inputs(model, batch, int(place_N.min()))
    if not inputs:
        inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    # Answers share places, of which the sum over the vocabulary is taken once. They are counted
    # from the end, as a trained prompt may stand before the rows.
    pairs_2M, pair_N = torch.unique(
        torch.stack([row_N, place_N - length]), dim=1, return_inverse=True
    )
    logits_MV = _logits_at(model, inputs, *pairs_2M)
    logs_N = logits_MV[pair_N, token_N] - logits_MV.logsumexp(1)[pair_N]
    rows = int(slot_N.max()) // batch["answers"] + 1
    # An answer that a prompt has not, where others have more, is of no token.
    tokens = torch.bincount(slot_N, minlength=rows * batch["answers"])
    totals = logs_N.new_zeros(len(tokens)).index_add(0, slot_N, logs_N)
    if normalize:
        totals = totals / tokens.clamp(min=1)
    return totals.view(-1, batch["answers"])


def _logits_at(model: Any, inputs: dict[str, Any], rows_M: Tensor, places_M: Tensor) -> Tensor:
    """Compute logits at these positions only, (M, V), in the order of the rows, and in fp32.

    Logits of bf16 are multiples of 1/8 above 16: it would often find two words equal.
    """
    here_RT = torch.zeros_like(inputs["input_ids"], dtype=torch.bool)
    here_RT[rows_M, places_M] = True
    found = run_at(model, here_RT, **inputs)
    if found.given_NH is None:
        return found.logits().float()
    with torch.autocast(here_RT.device.type, enabled=False):
        bias = None if found.layer.bias is None else found.layer.bias.float()
        return nn.functional.linear(found.given_NH.float(), found.layer.weight.float(), bias)


@torch.no_grad()
def label_scores(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt | str],
    words: Sequence[str],
    normalize: bool = True,
    batch_tokens: int = 4096,
) -> Tensor:
    """Return the log-likelihood of each word behind each prompt, (prompts, words) on the CPU.

    Args:
        model: A decoder of transformers.
        tokenizer: The model's tokenizer.
        prompts: Texts, or prompts that say where the answer stands.
        words: The answers.
        normalize: Whether to take the mean over a word's tokens rather than their sum.
        batch_tokens: Padded tokens of a batch, at most; rows of like length share one.
    """
    asked = [Prompt(prompt) if isinstance(prompt, str) else prompt for prompt in prompts]
    encoded = encode_causal(tokenizer, asked, words)
    order = sorted(range(len(encoded)), key=lambda number: encoded[number].length)
    found = torch.empty(len(encoded), len(words))
    device, cache = next(model.parameters()).device, PrefixCache()
    while order:
        part: list[int] = []
        rows = 0
        while order:
            rows += len(encoded[order[0]].rows)
            if part and rows * encoded[order[0]].length > batch_tokens:
                break
            part.append(order.pop(0))
        batch = collate([encoded[number] for number in part], pad_id(tokenizer), device)
        found[part] = answer_log_likelihoods(model, batch, normalize, cache).cpu()
    return found
