"""Replaced-token detection."""

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat
from torch import Tensor, nn
from torch.nn import functional

from datamodules.batches import CorpusBatch
from modules.cross_entropy import whole_steps
from modules.pretraining import architectures
from modules.pretraining.base import PretrainingModule
from modules.pretraining.heads import represent, sample, surprise
from modules.pretraining.masks import Masks
from modules.pretraining.rows import framed


class ReplacedTokenDetection(PretrainingModule):
    """ELECTRA (Clark et al. 2020): which tokens did a small masked language model put in?

    What the paper decides: the generator learns from its own loss alone, nothing flows through the
    sampling (section 2); a token that it guesses right counts as original (section 2); both share
    their embeddings, which get both gradients, and the generator is the smaller network (3.2); the
    discriminator's loss weighs 50 and is taken over all tokens (appendix A). What its published
    code adds: of the chosen tokens 85 % are masked and 15 % are seen as they are, never a random
    one; sampling is at temperature 1, in fp32.

    Args:
        probability: of a token to be guessed by the generator.
        weight: of the discriminator's loss.
    """

    needs, main_loss = ("mask_token", "cls_token", "sep_token"), "generator_loss"

    def __init__(
        self, probability: ClosedUnitInterval = 0.15, weight: NonNegativeFloat = 50.0, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.masks = Masks(self.tokenizer, float(probability))
        self.weights = {"detection_loss": float(weight)}

    def build(self) -> nn.Module:
        """The discriminator, which is what fine-tuning takes; the generator beside it."""
        config = self.config()
        if self.hparams["backbone"] is not None:
            raise ValueError("--model.backbone: a generator has to go with it; train from scratch")
        electra = config.model_type == "electra"
        auto = "AutoModelForPreTraining" if electra else "AutoModelForTokenClassification"
        config.num_labels = 1 if not electra else config.num_labels
        model = architectures.new(auto, config)
        self.generator = architectures.new("AutoModelForMaskedLM", self.config(smaller=True))
        self.generator.base_model.embeddings = model.base_model.embeddings
        self.generator.tie_weights()
        return model

    def kept(self) -> nn.Module:
        """A single output would not fit another head: without ELECTRA's own, the encoder alone."""
        return self.model if self.model.config.model_type == "electra" else self.model.base_model

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> dict[str, Tensor]:
        ids_BT, mask_BT = framed(batch, self.tokenizer)
        draws = [torch.rand(ids_BT.shape, generator=generator, device=self.device) for _ in "ABC"]
        chosen_BT = (draws[0] < self.masks.probability) & self.masks.eligible(ids_BT, mask_BT)
        seen_BT = ids_BT.masked_fill(chosen_BT & (draws[1] < 0.85), self.masks.mask_id)
        return {
            "original": ids_BT,
            "seen": seen_BT,
            "attention_mask": mask_BT.long(),
            "places": chosen_BT,
            "draws": draws[2][chosen_BT],
        }

    def losses(self, example: dict[str, Tensor]) -> dict[str, Tensor]:
        ids_BT, places_BT = example["original"], example["places"]
        mask_BT, targets_N = example["attention_mask"], ids_BT[places_BT]
        inputs = {"input_ids": example["seen"], "attention_mask": mask_BT}
        chosen_NH, _ = represent(self.generator, places_BT, **inputs)
        generator_loss, _ = surprise(self.generator, chosen_NH, targets_N)
        with torch.no_grad():
            logits_NV = self.generator.get_output_embeddings()(whole_steps(chosen_NH))
        guesses_N = sample(logits_NV[: len(chosen_NH)], example["draws"])
        fake_BT = ids_BT.masked_scatter(places_BT, guesses_N)
        found_BT = self.model(input_ids=fake_BT, attention_mask=mask_BT).logits.view(ids_BT.shape)
        there = mask_BT.bool()
        scores, replaced = found_BT[there].float(), (fake_BT != ids_BT)[there]
        hits, flagged = (replaced & (scores > 0)).sum(), (scores > 0).sum()
        return {
            "generator_loss": generator_loss,
            "detection_loss": functional.binary_cross_entropy_with_logits(scores, replaced.float()),
            "precision": hits / flagged.clamp(min=1),
            "recall": hits / replaced.sum().clamp(min=1),
        }
