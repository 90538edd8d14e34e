"""Which tokens a masked language model has to guess, and what it sees in their place."""

import torch
from torch import Tensor


def mask_tokens(
    ids: Tensor,
    eligible: Tensor,
    mask_id: int,
    vocabulary: int,
    probability: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """BERT's corruption (Devlin et al. 2019): what the model sees, and which tokens it guesses.

    Of the tokens to guess 80 % are masked, 10 % are another token drawn from the vocabulary, and
    10 % stay as they are.

    Args:
        ids: (…) int64.
        eligible: (…) bool, where a token may be chosen: not padding, not a special token.
        mask_id: of the mask token.
        vocabulary: tokens to draw from.
        probability: with which an eligible token is chosen, each by itself.
        generator: of the draws; torch's own if None. On the device of ``ids``.

    Returns:
        The corrupted ids, (…) int64, and the chosen places, (…) bool.
    """

    def uniform() -> Tensor:
        return torch.rand(ids.shape, generator=generator, device=ids.device)

    chosen, kind = (uniform() < probability) & eligible, uniform()
    drawn = torch.randint(vocabulary, ids.shape, generator=generator, device=ids.device)
    seen = torch.where(chosen & (kind < 0.8), mask_id, ids)
    return torch.where(chosen & (kind >= 0.9), drawn, seen), chosen
