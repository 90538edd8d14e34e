"""The choice of the tokens that an objective masks, by token, word or span."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from modules import masking
from modules.characters import Characters
from modules.pretraining.word_starts import WordStarts

Unit = Literal["token", "word", "span"]


class MaskSampler(nn.Module):
    """Masks rows of tokens anew in every step. Special tokens are never chosen.

    The tokens of one character, of which a byte-level tokenizer makes up to four, are masked
    together.

    Args:
        tokenizer: Of the rows; it has a mask token.
        probability: The share of the tokens that is chosen.
        unit: token | word (all tokens of it) | span (SpanBERT's, up to ten tokens). Words of
            scripts without spaces are those of ``datamodules.segmentation``.
    """

    special: Tensor

    def __init__(self, tokenizer: Any, probability: float, unit: Unit = "token") -> None:
        super().__init__()
        self.probability, self.unit = probability, unit
        self.mask_id, self.vocabulary = tokenizer.mask_token_id, len(tokenizer)
        special = torch.tensor(sorted(tokenizer.all_special_ids))
        self.register_buffer("special", special, persistent=False)
        self.characters = Characters(tokenizer)
        if unit == "word":
            self.words = WordStarts(tokenizer)

    def forward(
        self, ids_BT: Tensor, mask_BT: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Mask rows of ids, with draws from ``generator``.

        Returns:
            The ids that the model sees, (B, T) int64, and the chosen tokens, (B, T) bool.
        """
        eligible_BT = self.eligible(ids_BT, mask_BT)
        settings = self.mask_id, self.vocabulary
        if self.unit == "token":
            chances = self.probability, generator
            return masking.mask_tokens(ids_BT, eligible_BT, *settings, *chances, self.characters)
        if self.unit == "word":
            chosen_BT = masking.choose_words(self.words(ids_BT), self.probability, generator)
            kind_BT = torch.rand(ids_BT.shape, generator=generator, device=ids_BT.device)
        else:
            chosen_BT, kind_BT = masking.choose_spans(ids_BT, self.probability, generator)
        chosen_BT, kind_BT = self.characters(ids_BT, chosen_BT, kind_BT)
        chosen_BT = chosen_BT & eligible_BT
        return masking.apply_80_10_10(ids_BT, chosen_BT, *settings, kind_BT, generator), chosen_BT

    def eligible(self, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
        """Tell where a token may be chosen, (B, T) bool: not padding, not a special token."""
        return mask_BT & ~torch.isin(ids_BT, self.special)
