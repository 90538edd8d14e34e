"""Questions with choices as rows of tokens, one for each choice: data and modules agree on them."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from datamodules.packaged import tells_pairs_apart
from datamodules.windows import shortened


class ChoiceTokens(NamedTuple):
    """The rows of N questions, one for each choice, in their order: R in all.

    Attributes:
        ids: The token ids of each row.
        types: 0 for the question and 1 for the choice; None where the tokenizer tells none.
        masks: Whether each token is of the choice.
        cut: Whether a row was longer than the limit, R.
    """

    ids: list[list[int]]
    types: list[list[int]] | None
    masks: list[list[bool]]
    cut: list[bool]


def encode_choices(
    tokenizer: Any, questions: Sequence[str], choices: Sequence[Sequence[str]], limit: int
) -> ChoiceTokens:
    """Encode each question with each of its choices.

    A long question loses its beginning, since what is asked stands at its end. A choice of more
    than half the limit loses its end.

    Args:
        tokenizer: A fast tokenizer; how it truncates is changed.
        questions: N questions, with their contexts before them.
        choices: The choices of each.
        limit: The most tokens of a row.

    Raises:
        ValueError: If a row has no room for a question and a choice.
    """
    room = limit - tokenizer.num_special_tokens_to_add(pair=True)
    if room < 8:
        raise ValueError(f"--data.max_length {limit}: leaves no room for a question and a choice")
    apart = tells_pairs_apart(tokenizer)
    seconds = list(chain.from_iterable(choices))
    seconds, short = shortened(tokenizer, seconds, room // 2)
    asked = [
        question if apart else f"{question}\n"
        for question, own in zip(questions, choices, strict=True)
        for _ in own
    ]
    settings: dict[str, Any] = {"return_attention_mask": False, "verbose": False}
    whole = tokenizer(asked, seconds, **settings)["input_ids"]
    tokenizer.truncation_side = "left"
    found = tokenizer(asked, seconds, truncation="only_first", max_length=limit, **settings)
    masks = [[part == 1 for part in found.sequence_ids(row)] for row in range(len(asked))]
    cut = [part or len(ids) > limit for part, ids in zip(short, whole, strict=True)]
    return ChoiceTokens(found["input_ids"], found.get("token_type_ids"), masks, cut)
