"""What an objective made of a row, and what the network guesses there, as text for people."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from modules.output_layer import run_at

_MOST_GUESSES = 12  # of a row
_COLOURS = {"hidden": "33", "replaced": "31", "kept": "36", "ordered": "35"}


def show_examples(
    module: Any, example: Mapping[str, Any], rows: int, colour: bool = False
) -> list[str]:
    """Show rows as the network sees them, with what it has to predict.

    Args:
        module: The objective, for its tokenizer.
        example: What its ``corrupt`` returned.
        rows: Number of rows.
        colour: Whether to colour the marks for a terminal.

    Returns:
        A line that explains the marks, then a line for each row: two where a decoder writes, and
        one more for the label of a pair.

    Raises:
        ValueError: If the example does not say which tokens are predicted.
    """
    if "target_mask" not in example:
        raise ValueError(
            f"--trainer.callbacks ObjectiveExamples: {type(module).__name__}.corrupt returns no "
            f"target_mask, which says what is predicted; leave the callback out"
        )
    inputs, causal = example.get("inputs", {}), _is_causal(module)
    if "decoder_input_ids" in inputs:
        marks = "a span stands behind its name in the decoder's line"
    elif "target_mapping" in inputs:
        marks = "[word:2] is predicted second and sees what is predicted before it"
    elif causal:
        marks = "each token is predicted from those before it"
    else:
        marks = "predicted: [word] is hidden, [other<word] replaced, [=word] left as it is"
    shown = [marks]
    for row in range(rows):
        lines = _row(module, example, row, causal, colour)
        shown += [f"row {row + 1}  {lines[0]}", *(f"       {line}" for line in lines[1:])]
    return shown


def _is_causal(module: Any) -> bool:
    return module.auto_class == "AutoModelForCausalLM"


def _row(
    module: Any, example: Mapping[str, Any], row: int, causal: bool, colour: bool
) -> list[str]:
    tokenizer, inputs = module.tokenizer, example.get("inputs", example)
    ids_BT = example["seen"] if "seen" in example else inputs["input_ids"]
    seen = ids_BT[row].tolist()[: _length(inputs, row)]
    words = [_word(tokenizer, token) for token in seen]
    answers, hybrid = row_targets(example, row), "causal" in example
    causal = causal or (hybrid and seen[1:] == answers)  # this row alone
    if "decoder_input_ids" in inputs:
        return [" ".join(words), "decoder: " + " ".join(_word(tokenizer, t) for t in answers)]
    if "target_mapping" in inputs:
        places = inputs["target_mapping"][row].argmax(1).tolist()[: len(answers)]
        hidden = inputs["perm_mask"][row].bool()
        rank = {place: int((~hidden[place]).sum()) for place in places}
        order = {place: 1 + sum(rank[p] < rank[place] for p in places) for place in places}
        marks = {p: ("ordered", f"[{words[p]}:{order[p]}]") for p in places}
    elif causal:
        marks = {}
    else:
        places = (example["target_mask"][row].nonzero()[:, 0] + hybrid).tolist()
        mask = tokenizer.mask_token_id
        pairs = zip(places, answers, strict=True)
        marks = {p: _mark(words[p], seen[p], mask, answer, tokenizer) for p, answer in pairs}
    shown = [_coloured(*marks[p], colour) if p in marks else w for p, w in enumerate(words)]
    label = int(example["labels"][row]) if "labels" in example else -100
    told = {0: ["pair: as in the text"], 1: ["pair: a wrong one"]}.get(label, [])
    if hybrid and causal:
        told = ["read from left to right: each token is predicted from those before it"]
    return [" ".join(shown), *told]


def _length(inputs: Mapping[str, Any], row: int) -> int | None:
    """Return the tokens of a row; None where no mask tells."""
    if (mask := inputs.get("attention_mask")) is None:
        return None
    if mask.ndim == 4:  # of hybrid rows; additive where it has fractions
        seen_TT = mask[row, 0] if mask.dtype == torch.bool else mask[row, 0] == 0
        return int(seen_TT.any(0).sum())
    return int(mask[row].sum())


def row_targets(example: Mapping[str, Any], row: int) -> list[int]:
    """Return the ids that a row has to predict, in their order."""
    mask_BT = example["target_mask"]
    if "targets" not in example:
        return example["original"][row][mask_BT[row]].tolist()
    first = int(mask_BT[:row].sum())
    return example["targets"][first : first + int(mask_BT[row].sum())].tolist()


@torch.no_grad()
def guesses(module: Any, example: Mapping[str, Any], rows: int) -> list[str]:
    """Say for each of the first rows what the network finds likeliest in place of the targets.

    Args:
        module: The objective, in evaluation mode.
        example: What its ``corrupt`` returned, on the network's device.
        rows: Number of rows.
    """
    network = getattr(module, "generator", module.model)
    inputs = example.get("inputs") or {
        "input_ids": example["seen"],
        "attention_mask": example["attention_mask"],
    }
    logits_NV = run_at(network, example["target_mask"], **inputs).logits().float()
    chance_N, guess_N = logits_NV.softmax(1).max(1)
    found, first = [], 0
    for row in range(rows):
        answers = row_targets(example, row)
        part = slice(first, first + len(answers))
        found.append(_guessed(module.tokenizer, answers, guess_N[part], chance_N[part]))
        first += len(answers)
    return found


def _guessed(tokenizer: Any, answers: list[int], guess_N: Tensor, chance_N: Tensor) -> str:
    rows = list(zip(answers, guess_N.tolist(), chance_N.tolist(), strict=True))
    right = sum(answer == guess for answer, guess, _ in rows)
    named = [
        f"{_word(tokenizer, answer)}: {_word(tokenizer, guess)} {chance:.2f}"
        for answer, guess, chance in rows[:_MOST_GUESSES]
    ]
    more = "; ..." if len(rows) > _MOST_GUESSES else ""
    return f"{right} of {len(rows)} right: {'; '.join(named)}{more}"


def _mark(word: str, token: int, mask: int, answer: int, tokenizer: Any) -> tuple[str, str]:
    target = _word(tokenizer, answer)
    if token == mask:
        return "hidden", f"[{target}]"
    return ("kept", f"[={target}]") if token == answer else ("replaced", f"[{word}<{target}]")


def _coloured(kind: str, text: str, colour: bool) -> str:
    return f"\033[{_COLOURS[kind]}m{text}\033[0m" if colour else text


def _word(tokenizer: Any, token: int) -> str:
    """Return a token as a word; blanks and parts of characters as the tokenizer writes them."""
    text = tokenizer.decode([token]).strip()
    whole = text and "\ufffd" not in text and not any(c.isspace() for c in text)
    return text if whole else tokenizer.convert_ids_to_tokens(token)
