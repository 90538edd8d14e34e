"""The small generator of replaced-token detection, and the embeddings that it shares."""

import copy
from typing import Any, cast

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from modules.pretraining import architectures
from modules.pretraining.architectures import MIN_POSITIONS


class DisentangledEmbedding(nn.Embedding):
    """The sum of another network's embeddings, without a gradient, and of its own.

    Its own begin at zero (gradient-disentangled embedding sharing: He et al. 2021, DeBERTaV3,
    arXiv:2111.09543): the discriminator reads all that the generator has learned of the tokens, and
    its loss, which pulls them elsewhere, changes only the difference.
    """

    def __init__(self, shared: nn.Embedding) -> None:
        rows, width = shared.weight.shape
        super().__init__(rows, width, shared.padding_idx)
        self._shared = (shared,)  # a tuple: the weights are the generator's in a checkpoint
        nn.init.zeros_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        given = functional.embedding(input, self._shared[0].weight.detach())
        return given + super().forward(input)

    def plain(self) -> nn.Embedding:
        """Return the sum as ordinary embeddings."""
        rows, width = self.weight.shape
        made = nn.Embedding(rows, width, self.padding_idx, device=self.weight.device)
        with torch.no_grad():
            made.weight.copy_(self.weight + self._shared[0].weight)
        return made


def discriminator(module: Any) -> PreTrainedModel:
    """Build an objective's discriminator, with one output for each token.

    Raises:
        ValueError: If it is to go on from a backbone.
    """
    if module.hparams["lora_rank"] is not None:
        name = type(module).__name__
        raise ValueError(f"--model.lora_rank: {name} trains new weights; leave it out")
    config: Any = architectures.network_config(module)
    if module.hparams["backbone"] is not None:
        raise ValueError("--model.backbone: a generator has to go with it; train from scratch")
    electra = config.model_type == "electra"
    auto = "AutoModelForPreTraining" if electra else "AutoModelForTokenClassification"
    config.num_labels = 1 if not electra else config.num_labels
    return architectures.from_config(auto, config, module.hparams["mimetic"])


def build(module: Any, model: PreTrainedModel) -> PreTrainedModel:
    """Build an objective's generator: ELECTRA's, of half the discriminator's width.

    Between embeddings of the discriminator's width and the narrow layers stand projections, as in
    the paper (Clark et al. 2020, section 3.2).

    Args:
        module: The objective.
        model: Its discriminator, of any family.
    """
    given: Any = model.config
    embeddings = cast(nn.Embedding, model.get_input_embeddings())
    heads = max(1, given.num_attention_heads // 2)
    named = {
        "num_hidden_layers": given.num_hidden_layers,
        "num_attention_heads": heads,
        "hidden_size": max(1, given.hidden_size // 2 // heads) * heads,
        "intermediate_size": 2 * given.hidden_size,
        "embedding_size": embeddings.embedding_dim,
        "vocab_size": embeddings.num_embeddings,
        "pad_token_id": given.pad_token_id,
        "max_position_embeddings": max(module.max_positions(), MIN_POSITIONS),
    }
    config = transformers.AutoConfig.for_model("electra", **named)
    architectures.set_dropout(config, module.hparams["dropout"])
    return architectures.from_config("AutoModelForMaskedLM", config, module.hparams["mimetic"])


def share_embeddings(model: PreTrainedModel, generator: PreTrainedModel, gradients: bool) -> None:
    """Have generator and discriminator share their embeddings.

    Args:
        model: The discriminator.
        generator: The generator, whose output layer is tied to its embeddings.
        gradients: Whether both change the same weights, as in ELECTRA; if not, the discriminator
            has :class:`DisentangledEmbedding`.
    """
    own = cast(nn.Embedding, model.get_input_embeddings())
    if gradients:
        generator.set_input_embeddings(own)
        generator.tie_weights()
        return
    theirs = cast(nn.Embedding, generator.get_input_embeddings())
    with torch.no_grad():
        theirs.weight.copy_(own.weight)
    model.set_input_embeddings(DisentangledEmbedding(theirs))


def with_plain_embeddings(model: PreTrainedModel) -> PreTrainedModel:
    """Return the discriminator with ordinary embeddings: a copy where they are disentangled."""
    if not isinstance(model.get_input_embeddings(), DisentangledEmbedding):
        return model
    made = copy.deepcopy(model)
    made.set_input_embeddings(cast(DisentangledEmbedding, model.get_input_embeddings()).plain())
    return made
