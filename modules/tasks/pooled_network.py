"""A network of transformers without its own head, for a head of one linear layer behind it."""

import inspect
from typing import Any

from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class PooledForward:
    """Runs the network below a head, which has no say in it: the task pools and applies it.

    A class of transformers looks for the last token by its id, or for an end token that a
    truncated text has not; some take no vectors in place of ids.
    """

    config: Any
    base_model: Any
    encoder_only = False  # of an encoder-decoder

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: Any = None,
        **inputs: Any,
    ) -> SequenceClassifierOutput:
        """Return the last hidden states, (B, T, H), and no logits."""
        inputs |= {"input_ids": input_ids, "attention_mask": attention_mask}
        inputs |= {"inputs_embeds": inputs_embeds, "past_key_values": past_key_values}
        if self.config.is_encoder_decoder and not self.encoder_only and input_ids is not None:
            inputs["decoder_input_ids"] = self._shifted(input_ids)
        trunk = trunk_of(self)
        known = inspect.signature(trunk.forward).parameters
        given = {n: v for n, v in inputs.items() if v is not None and n in known}
        return SequenceClassifierOutput(hidden_states=(trunk(**given)[0],))

    def _shifted(self, ids_BT: Tensor) -> Tensor:
        """Return the ids one place later, behind the token that a decoder starts with."""
        shifted_BT = ids_BT.roll(1, 1)
        shifted_BT[:, 0] = self.config.decoder_start_token_id
        return shifted_BT


class LinearHead(PooledForward):
    """The network of a family that transformers gives no such head, or one of several layers."""

    base_model_prefix: str  # of the family's own class beside this one, as is ``post_init``

    def __init__(self, config: Any) -> None:
        super().__init__(config)  # type: ignore[call-arg]
        kept = ("classifier_dropout", "hidden_dropout_prob")
        rates = [getattr(config, name, None) for name in kept]
        text = config.get_text_config()
        network = _bare_class(config)(config)
        if getattr(network, "pooler", None) is not None:
            network.pooler = None  # nothing reads it
        setattr(self, self.base_model_prefix, network)
        self.dropout = nn.Dropout(next((rate for rate in rates if rate is not None), 0.0))
        self.score = nn.Linear(text.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[attr-defined]

    @classmethod
    def is_custom_code(cls) -> bool:
        """Say that transformers' own functions initialise all weights, which heed loaded ones.

        Of other classes it leaves buffers that no file holds as the memory was: FalconH1's.
        """
        return False


def network_class(config: Any) -> type[PreTrainedModel]:
    """Return a class of a family's network with one linear layer on it, named ``score``."""
    network = _bare_class(config)
    parents = [c for c in network.__mro__[1:] if issubclass(c, PreTrainedModel)]
    prefix = parents[0].base_model_prefix or "model"
    made = {"base_model_prefix": prefix, "__module__": __name__}
    return type(f"{network.__name__}WithHead", (LinearHead, parents[0]), made)


def _bare_class(config: Any) -> Any:
    found: Any = AutoModel._model_mapping[type(config)]
    return found[0] if isinstance(found, tuple) else found


def without_own_forward(model: PreTrainedModel) -> PreTrainedModel:
    """Have a model of transformers run by :class:`PooledForward`; all else of it stays."""
    kind = type(model)
    model.__class__ = type(kind.__name__, (PooledForward, kind), {"__module__": kind.__module__})
    return model


def trunk_of(model: Any) -> nn.Module:
    """Return the network below the head, whose first output is the hidden states."""
    return model.base_model.get_encoder() if model.encoder_only else model.base_model
