"""Characters that a tokenizer splits into bytes: their tokens are chosen together or not at all."""

import re
from typing import Any

import torch
from torch import Tensor, nn

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")  # sentencepiece's, for characters that it does not know


class Characters(nn.Module):
    """The tokens that go on with a character whose first bytes are in the token before."""

    inside: Tensor | None

    def __init__(self, tokenizer: Any) -> None:
        super().__init__()
        pieces = token_texts(tokenizer)
        # The first byte of a character in UTF-8 is never one of 0x80 to 0xbf.
        inside = torch.tensor([bool(piece) and 0x80 <= piece[0] < 0xC0 for piece in pieces])
        self.register_buffer("inside", inside if inside.any() else None, persistent=False)

    def forward(self, ids: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        """Give all tokens of a character the value of its first one.

        Args:
            ids: (…, T) int64.
            values: Of any type, (…, T) each.
        """
        if self.inside is None:
            return values
        inside = self.inside[ids]
        # Nearly all English text stays as it is; a GPU would have to be waited for to know that.
        if ids.device.type == "cpu" and not inside.any():
            return values
        place = torch.arange(ids.shape[-1], device=ids.device).expand(ids.shape)
        first = place.masked_fill(inside, 0).cummax(-1).values
        return tuple(value.gather(-1, first) for value in values)


def token_texts(tokenizer: Any) -> list[bytes]:
    """List the UTF-8 text of each token, without a word-piece mark; it may be part of a character.

    A space at the begin of a word is part of its token where the tokenizer keeps it.
    """
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    if not is_byte_level(tokenizer):
        return [_text(piece or "") for piece in pieces]
    special, table = set(tokenizer.all_special_tokens), _byte_of_letter()
    return [
        (piece or "").encode()
        if piece in special or not table.keys() >= set(piece or "")
        else bytes(table[letter] for letter in piece)
        for piece in pieces
    ]


def _text(piece: str) -> bytes:
    if found := _BYTE.fullmatch(piece):
        return bytes([int(found[1], 16)])
    return piece.removeprefix("##").replace("▁", " ").encode()


def is_byte_level(tokenizer: Any) -> bool:
    """Whether the tokens are bytes, each written as a letter (Radford et al. 2019)."""
    fast = getattr(tokenizer, "backend_tokenizer", None)
    return fast is not None and "ByteLevel" in f"{fast.pre_tokenizer} {fast.decoder}"


def _byte_of_letter() -> dict[str, int]:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return {letter: byte for byte, letter in bytes_to_unicode().items()}
