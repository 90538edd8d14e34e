"""Where words begin in rows of tokens, also in scripts that write no spaces."""

from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from datamodules import segmentation
from modules.characters import is_byte_level, token_texts


class WordStarts(nn.Module):
    """Finds where words begin, by the tokenizer's marks, and by a segmenter where it has none.

    A segmenter's word that ends inside a token takes the rest of the token with it.

    Args:
        tokenizer: Of the rows.
    """

    starts: Tensor
    breaks: Tensor
    unspaced: Tensor

    def __init__(self, tokenizer: Any) -> None:
        super().__init__()
        self.texts, starts = token_texts(tokenizer), word_starts(tokenizer)
        if is_byte_level(tokenizer):  # by first bytes, which some characters with spaces share
            unspaced = torch.tensor([any(b >= 0xE0 and b != 0xE2 for b in t) for t in self.texts])
        else:
            words = [text.decode(errors="replace") for text in self.texts]
            unspaced = torch.tensor([segmentation.is_unspaced(word) for word in words])
            unspaced |= torch.tensor([len(text) == 1 and text[0] >= 0xE0 for text in self.texts])
        special = torch.zeros_like(starts)
        special[torch.tensor(tokenizer.all_special_ids)] = True
        # Word pieces make each Chinese character a word: it is no break between words.
        pieces = not any(text[:1] == b" " for text in self.texts)
        breaks = (starts & ~unspaced if pieces else starts) | special
        for name, value in (("starts", starts), ("breaks", breaks), ("unspaced", unspaced)):
            self.register_buffer(name, value, persistent=False)

    def forward(self, ids_BT: Tensor) -> Tensor:
        """Tell where words begin, (B, T) bool."""
        starts_BT, unspaced_BT = self.starts[ids_BT], self.unspaced[ids_BT]
        if not unspaced_BT.any():
            return starts_BT
        breaks_BT = self.breaks[ids_BT]
        rows = unspaced_BT.any(1).nonzero()[:, 0].tolist()
        for row in rows:
            ids = ids_BT[row].tolist()
            edges = [0, *breaks_BT[row].nonzero()[:, 0].tolist(), len(ids)]
            found, flagged = starts_BT[row].tolist(), unspaced_BT[row].tolist()
            for first, last in pairwise(edges):
                if any(flagged[first:last]):
                    self._refine(ids, found, first, last)
            starts_BT[row] = torch.tensor(found, device=ids_BT.device)
        return starts_BT

    def _refine(self, ids: list[int], starts: list[bool], first: int, last: int) -> None:
        """Split the tokens from ``first`` to ``last`` into words of the segmenter, in place."""
        parts = [self.texts[number] for number in ids[first:last]]
        text = b"".join(parts).decode("utf-8", "surrogateescape")
        if not segmentation.is_unspaced(text):
            return
        words = segmentation.split_words(text)
        ends = {*accumulate(len(word.encode("utf-8", "surrogateescape")) for word in words)}
        place = 0
        for number, part in enumerate(parts, first):
            starts[number] = number == first or place in ends
            place += len(part)


def word_starts(tokenizer: Any) -> Tensor:
    """Tell which entries of the vocabulary begin a word, (vocabulary,) bool."""
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    special = set(tokenizer.all_special_tokens)
    if any(piece.startswith("##") for piece in pieces):  # WordPiece marks what does not
        return torch.tensor([not piece.startswith("##") for piece in pieces])
    marks = ("▁",) if any(piece.startswith("▁") for piece in pieces) else ("Ġ", "Ċ")
    return torch.tensor([piece.startswith(marks) or piece in special for piece in pieces])
