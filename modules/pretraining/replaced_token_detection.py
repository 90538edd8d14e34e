"""Replaced-token detection."""

from typing import Any, cast

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat
from torch import Tensor
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from modules.output_layer import selection
from modules.pretraining import detection, generator
from modules.pretraining.base import PretrainingModule
from modules.pretraining.detection_auc import WithinTokenAUC
from modules.pretraining.mask_sampler import MaskSampler
from modules.pretraining.rows import add_cls_and_sep
from modules.tuning import Tuned

_STUDY = "experiments/pretrain_then_finetune.py, 2 M tokens: it learned more slowly"


class ReplacedTokenDetection(PretrainingModule):
    """Detects tokens that a small masked language model has replaced (ELECTRA, Clark et al. 2020).

    The paper decides: the generator learns from its own loss alone, nothing flows through the
    sampling (section 2); a token that it predicts right counts as original (section 2); the
    generator has half the width, and shares the embeddings (3.2); the discriminator's loss weighs
    50 and is taken over all tokens (appendix A). Its published code adds: of the chosen tokens 85 %
    are masked and 15 % are seen as they are, never a random one; sampling is at temperature 1, in
    fp32. ``val/auc`` tells how well replaced tokens are told from original ones of the same id: 0.5
    knows no more than how rare a token is.

    Args:
        probability: The share of the tokens that the generator predicts.
        final_probability: The share at the last step, to which it changes linearly; none keeps it.
        weight: The weight of the discriminator's loss in the sum.
        shared_gradients: Whether the discriminator's loss changes the shared embeddings too, as in
            ELECTRA; if not, it learns what it adds to the generator's (DeBERTaV3, He et al. 2021).
    """

    required_tokens, main_loss = ("mask_token", "cls_token", "sep_token"), "generator_loss"
    tuned = (Tuned("model.learning_rate", 1e-3, _STUDY, backbone="new"),)

    def __init__(
        self,
        probability: ClosedUnitInterval = 0.15,
        final_probability: ClosedUnitInterval | None = None,
        weight: NonNegativeFloat = 50.0,
        shared_gradients: bool = False,
        **kwargs: Any,
    ) -> None:
        self._shared_gradients = shared_gradients
        super().__init__(**kwargs)
        self.mask_sampler = MaskSampler(self.tokenizer, probability, "token", final_probability)
        self.loss_weights = {"detection_loss": float(weight)}
        self.auc = WithinTokenAUC()

    def build(self) -> PreTrainedModel:
        """Build the discriminator, which fine-tuning takes, and the generator beside it."""
        model = generator.discriminator(self)
        self.generator = generator.build(self, model)
        generator.share_embeddings(model, self.generator, self._shared_gradients)
        selection(self.generator)
        return model

    def export_model(self) -> PreTrainedModel:
        """Export the discriminator: with ELECTRA's own head, or else the encoder alone.

        The head of another family has a single output, which no other task could take.
        """
        model = generator.with_plain_embeddings(self.model)
        whole = model.config.model_type == "electra"
        return model if whole else cast(PreTrainedModel, model.base_model)

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> detection.DetectionExample:
        (ids_BT, mask_BT), sampler = add_cls_and_sep(batch, self.tokenizer), self.mask_sampler
        shape = ids_BT.shape
        draws = [torch.rand(shape, generator=generator, device=self.device) for _ in range(3)]
        draws[:2] = sampler.characters(ids_BT, *draws[:2])
        chosen_BT = (draws[0] < sampler.advance(self)) & sampler.eligible(ids_BT, mask_BT)
        seen_BT = ids_BT.masked_fill(chosen_BT & (draws[1] < 0.85), sampler.mask_id)
        return detection.example(ids_BT, seen_BT, mask_BT, chosen_BT, draws[2])

    def losses(self, example: detection.DetectionExample) -> dict[str, Tensor]:
        ids_BT, mask_BT = example["original"], example["attention_mask"]
        loss, fake_BT = detection.replace(self.generator, example)
        found_BT = self.model(input_ids=fake_BT, attention_mask=mask_BT).logits.view(ids_BT.shape)
        there, sampled = mask_BT.bool(), self.mask_sampler.logged()
        scores, replaced = found_BT[there].float(), (fake_BT != ids_BT)[there]
        if not self.training:
            self.auc.update(fake_BT[there], scores, replaced)
        return {"generator_loss": loss, **detection.values(scores, replaced), **sampled}

    def on_validation_epoch_start(self) -> None:
        self.auc.reset()

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        if not (auc := self.auc.compute()).isnan():  # few rows may hold no pair
            self.log("val/auc", auc)
