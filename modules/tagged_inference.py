"""The tags of the words of texts, as a module with a head for words predicts them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from datamodules.packaged import pad_id
from datamodules.words import first_tokens, split_words
from modules.encoding import max_tokens, tokenizer_of
from modules.text_rows import Rows

TaggedWords = list[tuple[str, str]]


def words_of(texts: Sequence[Any]) -> list[list[str]]:
    """Return the words of each text; a list of words is taken as it is.

    Raises:
        ValueError: If one is neither a text nor a list of words.
    """
    found = []
    for place, text in enumerate(texts):
        if isinstance(text, str):
            found.append([word for word, _, _ in split_words(text)])
        elif isinstance(text, list | tuple) and all(isinstance(word, str) for word in text):
            found.append(list(text))
        else:
            raise ValueError(
                f"text {place + 1} of {len(texts):,} is neither a text nor a list of words: "
                f"{text!r:.60}"
            )
    return found


def encode_words(module: Any, words: list[list[str]]) -> tuple[Rows, list[list[int]]]:
    """Encode texts of words, joined by spaces.

    Returns:
        The rows, and for each token the number of the word that begins there, or -1.
    """
    tokenizer = tokenizer_of(module)
    texts, limit = [" ".join(sentence) for sentence in words], max_tokens(module, tokenizer)
    found = tokenizer(
        texts, truncation=True, max_length=limit, return_offsets_mapping=True, verbose=False
    )
    ids, offsets = found["input_ids"], found["offset_mapping"]
    places = [first_tokens(*pair) for pair in zip(words, offsets, strict=True)]
    ends = [max((end for _, end in row), default=0) for row in offsets]
    cut = [end < len(text.rstrip()) for end, text in zip(ends, texts, strict=True)]
    return Rows(ids, None, cut, {"text": texts}, pad_id(tokenizer)), places


def tag_words(
    names: list[str], words: list[str], logits_TC: torch.Tensor, places: list[int]
) -> tuple[TaggedWords, np.ndarray]:
    """Return the tag of each word of a text, and the probability of each tag, (words, tags).

    A word that the model does not read, as it was cut off, has the first tag: O of entities.
    """
    chances = np.zeros((len(words), len(names)), np.float32)
    chances[:, 0] = 1.0
    firsts = [place for place, word in enumerate(places) if word >= 0]
    chances[[places[place] for place in firsts]] = logits_TC[firsts].softmax(-1).numpy()
    return [
        (word, names[best]) for word, best in zip(words, chances.argmax(1).tolist(), strict=True)
    ], chances
