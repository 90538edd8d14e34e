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
        probability: The share of the tokens that is chosen; at the first step if there is another.
        final_probability: The share at the last step, to which it changes linearly, and in
            validation; none keeps ``probability``.
        unit: token | word (all tokens of it) | span (SpanBERT's, up to ten tokens). Words of
            scripts without spaces are those of ``datamodules.segmentation``.
    """

    special: Tensor

    def __init__(
        self,
        tokenizer: Any,
        probability: float,
        unit: Unit = "token",
        final_probability: float | None = None,
    ) -> None:
        super().__init__()
        self.first, self.unit = float(probability), unit
        self.final = self.first if final_probability is None else float(final_probability)
        self.probability = self.first  # of the last batch
        self.mask_id, self.vocabulary = tokenizer.mask_token_id, len(tokenizer)
        special = torch.tensor(sorted(tokenizer.all_special_ids))
        self.register_buffer("special", special, persistent=False)
        self.characters = Characters(tokenizer)
        if unit == "word":
            self.words = WordStarts(tokenizer)

    def advance(self, module: Any) -> float:
        """Set the share for the objective's step, and return it."""
        done = 1.0 if self.first == self.final else progress(module)
        self.probability = self.first + (self.final - self.first) * done
        return self.probability

    def logged(self) -> dict[str, Tensor]:
        """Return the share of the last batch by its name, for the log; nothing where it stays."""
        if self.first == self.final:
            return {}
        return {"mask_probability": torch.tensor(self.probability, device=self.special.device)}

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


def progress(module: Any) -> float:
    """Return the share of a run's steps that is done: 0 without a trainer, 1 in an evaluation.

    So every validation masks alike, and a resumed run goes on where it was.
    """
    if not module.training:
        return 1.0
    if getattr(module, "_trainer", None) is None:
        return 0.0
    return min(1.0, module.trainer.global_step / max(1, module.trainer.estimated_stepping_batches))
