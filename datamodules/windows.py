"""Questions with their contexts as windows of tokens: data modules and modules agree on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datamodules.packaged import tells_pairs_apart

WINDOW, STRIDE = 384, 128  # tokens
OUTSIDE, NOWHERE = -1, -2  # in place of an offset


@dataclass
class Windows:
    """The windows of N questions, in their order: W in all.

    Attributes:
        ids: The token ids of each window.
        types: 0 for the question and 1 for the context; None where the tokenizer tells none.
        offsets: For each window the start and the end of each token in the context, (T, 2) int32;
            -1 for a token that is not of the context, -2 for the one that stands for no answer.
        sources: The place of the question of each window.
        cut: Whether a question was longer than half a window, N.
    """

    ids: list[list[int]] = field(default_factory=list)
    types: list[list[int]] | None = None
    offsets: list[np.ndarray] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)


def encode_windows(
    tokenizer: Any,
    questions: Sequence[str],
    contexts: Sequence[str],
    limit: int = WINDOW,
    stride: int | None = None,
) -> Windows:
    """Encode each question with its context, in overlapping windows where it is long.

    A question of more than half a window is cut. Where no special token can stand for "no answer",
    one that ends the text is added.

    Args:
        tokenizer: A fast tokenizer; how it truncates is changed.
        questions: N questions.
        contexts: Their contexts.
        limit: The most tokens of a window.
        stride: The tokens of a context that two windows share; 128, or a quarter of a window if
            that is less, if None.

    Raises:
        ValueError: If a window has no room for a context, or would share more than a quarter.
    """
    tokenizer.truncation_side = "right"
    end = tokenizer.eos_token_id if _needs_end(tokenizer) else None
    room = limit - tokenizer.num_special_tokens_to_add(pair=True) - (end is not None)
    if room < 8:
        raise ValueError(f"--data.max_length {limit}: leaves no room for a question and a context")
    if stride is None:
        stride = min(STRIDE, room // 4)
    if stride > room // 4:
        raise ValueError(
            f"--data.stride {stride}: windows of {limit} tokens can share {room // 4} at most, a "
            f"quarter of their text; give fewer, or longer windows (--data.max_length)"
        )
    found = Windows(types=[] if "token_type_ids" in tokenizer.model_input_names else None)
    asked, found.cut = shortened(tokenizer, questions, room // 2)
    if not tells_pairs_apart(tokenizer):
        asked = [f"{question}\n" for question in asked]
    encoded = tokenizer(
        asked,
        list(contexts),
        truncation="only_second",
        max_length=limit - (end is not None),
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=found.types is not None,
        return_attention_mask=False,
        verbose=False,
    )
    for row, (ids, offsets) in enumerate(
        zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ):
        inside = np.array([part == 1 for part in encoded.sequence_ids(row)], bool)
        places = np.where(inside[:, None], np.array(offsets, np.int32), np.int32(OUTSIDE))
        types = encoded["token_type_ids"][row] if found.types is not None else []
        if end is not None:
            ids, types = [*ids, end], [*types, *types[-1:]]
            places = np.concatenate([places, np.full((1, 2), OUTSIDE, np.int32)])
        places[_nowhere(tokenizer, ids, places)] = NOWHERE
        found.ids.append(ids)
        found.offsets.append(places)
        if found.types is not None:
            found.types.append(types)
    found.sources = list(encoded["overflow_to_sample_mapping"])
    return found


def place_of(offsets_T2: np.ndarray, start: int, end: int) -> tuple[int, int] | None:
    """The first and the last token of an answer in a window; None if it is not whole in it.

    Args:
        offsets_T2: As in ``Windows``.
        start: The place in the context at which the answer begins.
        end: One past its last character.
    """
    inside = np.flatnonzero(offsets_T2[:, 0] >= 0)
    begins, ends = offsets_T2[inside, 0], offsets_T2[inside, 1]
    held = inside[(ends > start) & (begins < end) & (ends > begins)]
    if not len(held) or offsets_T2[held[0], 0] > start or offsets_T2[held[-1], 1] < end:
        return None
    return int(held[0]), int(held[-1])


def shortened(tokenizer: Any, texts: Sequence[str], most: int) -> tuple[list[str], list[bool]]:
    """The texts, of no more than so many tokens each, and whether each was cut."""
    offsets = tokenizer(
        list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )["offset_mapping"]
    cut = [len(row) > most for row in offsets]
    parts = zip(texts, offsets, cut, strict=True)
    return [text[: row[most - 1][1]] if longer else text for text, row, longer in parts], cut


def _needs_end(tokenizer: Any) -> bool:
    """Tell whether a row has neither a token before all nor one behind all that is no text."""
    ids = tokenizer("a", "b")["input_ids"]
    special = set(tokenizer.all_special_ids)
    return tokenizer.cls_token_id not in ids and ids[-1] not in special


def _nowhere(tokenizer: Any, ids: list[int], places: np.ndarray) -> int:
    """The place of the token that stands for no answer: the first of BERT's, the last of others."""
    if tokenizer.cls_token_id in ids:
        return ids.index(tokenizer.cls_token_id)
    return len(ids) - 1 if places[-1, 0] == OUTSIDE else 0
