"""Span corruption."""

import torch
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat
from torch import Tensor, nn
from torch.nn import functional

from datamodules.batches import CorpusBatch
from modules.pretraining.base import PretrainingModule
from modules.pretraining.heads import guess


def noise_spans(
    lengths_B: Tensor, width: int, density: float, mean: float, generator: torch.Generator
) -> Tensor:
    """The spans that are taken out of each row, (B, T) bool.

    As in T5's code: of n tokens round(n x density) are noise, in round(noise / mean) spans; noise
    and the rest are both cut at random places, and take turns, the rest first.
    """
    noise_B = (lengths_B * density).round().clamp(min=1).minimum(lengths_B - 1).long()
    spans_B = (noise_B / mean).round().clamp(min=1).minimum(lengths_B - noise_B).long()
    starts = []
    for parts_B in (lengths_B - noise_B, noise_B):
        # Which of the places 1 … n - 1 begin a new part: spans - 1 of them, all equally likely.
        place_T = torch.arange(width, device=lengths_B.device)
        draws_BT = torch.rand(len(lengths_B), width, generator=generator, device=lengths_B.device)
        draws_BT = draws_BT.masked_fill((place_T < 1) | (place_T >= parts_B[:, None]), 2.0)
        rank_BT = draws_BT.argsort(1).argsort(1)
        starts.append((rank_BT < spans_B[:, None] - 1) | (place_T == 0))
    # The k-th token of the rest is moved by the noise of the spans before its part, and so on.
    kept_part_BT, noise_part_BT = (part.long().cumsum(1) - 1 for part in starts)
    sizes = []
    for part_BT, count_B in ((kept_part_BT, lengths_B - noise_B), (noise_part_BT, noise_B)):
        inside = torch.arange(width, device=lengths_B.device) < count_B[:, None]
        size_BT = torch.zeros_like(part_BT).scatter_add(1, part_BT, inside.long())
        sizes.append(size_BT)
    begin_BT = sizes[0].cumsum(1) + sizes[1].cumsum(1) - sizes[1]  # of each span
    edge_BT = torch.zeros(len(lengths_B), width + 1, dtype=torch.int64, device=lengths_B.device)
    real_BT = torch.arange(width, device=lengths_B.device) < spans_B[:, None]
    edge_BT.scatter_add_(1, begin_BT.clamp(max=width), real_BT.long())
    edge_BT.scatter_add_(1, (begin_BT + sizes[1]).clamp(max=width), -real_BT.long())
    return edge_BT.cumsum(1)[:, :width] > 0


def packed(values_BT: Tensor, keep_BT: Tensor, end: int, fill: int) -> tuple[Tensor, Tensor]:
    """The kept values moved to the left and ended by ``end``, (B, W) int64, and their mask."""
    ended_BT = functional.pad(values_BT, (0, 1), value=end)
    keep_BT = functional.pad(keep_BT, (0, 1), value=True)
    width = int(keep_BT.sum(1).max())
    order_BW = keep_BT.int().argsort(dim=1, descending=True, stable=True)[:, :width]
    mask_BW = keep_BT.gather(1, order_BW)
    return ended_BT.gather(1, order_BW).masked_fill(~mask_BW, fill), mask_BW


class SpanCorruption(PretrainingModule):
    """T5 (Raffel et al. 2020): spans give way to sentinels; a decoder writes what stood there.

    Args:
        density: share of the tokens in the spans.
        span: their mean length in tokens.
    """

    family_of_objective, auto_class = "t5", "AutoModelForSeq2SeqLM"
    needs, main_loss, framed = ("eos_token",), "span_loss", False

    def __init__(
        self, density: ClosedUnitInterval = 0.15, span: PositiveFloat = 3.0, **kwargs
    ) -> None:
        self._density, self._span = float(density), float(span)
        super().__init__(**kwargs)

    def build(self) -> nn.Module:
        """With as many sentinels as the longest row can have spans, if the tokenizer has none."""
        most = 1 + round(self.hparams["row_tokens"] * self._density / self._span)
        names = [f"<extra_id_{number}>" for number in range(most)]
        self.tokenizer.add_tokens(names, special_tokens=True)
        ids = torch.tensor(self.tokenizer.convert_tokens_to_ids(names))
        self.register_buffer("sentinels", ids, persistent=False)
        self._pad = 0 if self.tokenizer.pad_token_id is None else self.tokenizer.pad_token_id
        return super().build()

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> dict[str, Tensor]:
        ids_BT, mask_BT = batch["input_ids"], batch["attention_mask"].bool()
        settings = ids_BT.shape[1], self._density, self._span, generator
        noise_BT = noise_spans(mask_BT.sum(1), *settings) & mask_BT
        begins_BT = noise_BT & ~functional.pad(noise_BT, (1, 0))[:, :-1]
        number_BT = (begins_BT.long().cumsum(1) - 1).clamp(0, len(self.sentinels) - 1)
        sentinel_BT, end = self.sentinels[number_BT], self.tokenizer.eos_token_id
        seen_BT = torch.where(begins_BT, sentinel_BT, ids_BT)
        inputs, inputs_mask = packed(seen_BT, mask_BT & (~noise_BT | begins_BT), end, self._pad)
        both_B2T = torch.stack([sentinel_BT, ids_BT], 2).flatten(1)
        keep_B2T = torch.stack([begins_BT, noise_BT], 2).flatten(1)
        targets, targets_mask = packed(both_B2T, keep_B2T, end, self._pad)
        # The decoder is told each token after it had to write it; it begins with the padding token.
        shifted = functional.pad(targets, (1, 0), value=self._pad)[:, :-1]
        named = {"input_ids": inputs, "attention_mask": inputs_mask.long()}
        return {
            "inputs": {**named, "decoder_input_ids": shifted, "use_cache": False},
            "places": targets_mask,
            "targets": targets[targets_mask],
        }

    def losses(self, example: dict[str, Tensor]) -> dict[str, Tensor]:
        loss, accuracy, _ = guess(self.model, **example)
        return {"span_loss": loss, "accuracy": accuracy}
