"""Running a language model's head only where its answer counts, and the head of sentence pairs."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from modules.backbones import unwrapped
from modules.cross_entropy import cross_entropy, whole_steps


def represent(model: nn.Module, places: Tensor, **inputs: Tensor) -> tuple[Tensor, Tensor]:
    """What the output layer gets at N chosen places, (N, H), and all hidden states, (B, T, H).

    The output layer is the largest of a small network, and its logits the largest tensor of most:
    here it is given no row, and its caller does with (N, H) what is needed.

    Args:
        places: (B, T) bool, N of them.
    """
    found: list[Tensor] = []

    def select(module: nn.Module, arguments: tuple, output: Any) -> Any:
        hidden_BTH = output["last_hidden_state"]
        chosen_NH = hidden_BTH[:, -places.shape[1] :][places]  # without a prompt before it
        found.extend((hidden_BTH, chosen_NH))
        output["last_hidden_state"] = whole_steps(chosen_NH)[None]
        return output

    def take(module: nn.Module, arguments: tuple) -> tuple:
        found.append(arguments[0][0])
        return (arguments[0][:, :0],)

    inner = unwrapped(model)
    body = inner.get_decoder() if inner.config.is_encoder_decoder else inner.base_model
    handles = [body.register_forward_hook(select)]
    handles.append(inner.get_output_embeddings().register_forward_pre_hook(take))
    try:
        model(**inputs)
    finally:
        for handle in handles:
            handle.remove()
    hidden_BTH, chosen_NH, given = found
    return given[: len(chosen_NH)], hidden_BTH


def guess(
    model: nn.Module, inputs: dict[str, Tensor], places: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean cross-entropy of the tokens at the places, share guessed right, and hidden states.

    Args:
        places: (B, T) bool, N of them.
        targets: (N,) int64. Where there are none, the loss is 0.
    """
    chosen_NH, hidden_BTH = represent(model, places, **inputs)
    loss, accuracy = surprise(model, chosen_NH, targets)
    return loss, accuracy, hidden_BTH


def surprise(model: nn.Module, chosen_NH: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy and accuracy of the output layer on what ``represent`` found."""
    layer, count = model.get_output_embeddings(), max(1, len(targets_N))
    total, right = cross_entropy(chosen_NH, layer.weight, layer.bias, targets_N)
    return total / count, right / count


def sample(logits_NV: Tensor, draws_N: Tensor) -> Tensor:
    """A token for each row by inverse transform, (N,) int64.

    The distribution is the one of Gumbel-max sampling, which needs a draw and two logarithms for
    each entry of the vocabulary where this needs one draw.
    """
    heap_NV = logits_NV.float().softmax(-1).cumsum(-1)
    below_N1 = draws_N[:, None] * heap_NV[:, -1:]  # the sum is 1 but for rounding
    return torch.searchsorted(heap_NV, below_N1, right=True)[:, 0].clamp(max=logits_NV.shape[1] - 1)


class PairHead(nn.Module):
    """BERT's pooler and its two-way classifier (Devlin et al. 2019), on the first token."""

    def __init__(self, width: int, deviation: float) -> None:
        super().__init__()
        self.dense, self.classifier = nn.Linear(width, width), nn.Linear(width, 2)
        for layer in (self.dense, self.classifier):
            nn.init.normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)

    def forward(self, hidden_BTH: Tensor) -> Tensor:
        """(B, 2)."""
        return self.classifier(torch.tanh(self.dense(hidden_BTH[:, 0])))


def pair_loss(logits_B2: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy over the rows that are a pair (label 0 or 1, not -100), and accuracy."""
    count = (labels_B >= 0).sum().clamp(min=1)
    total = functional.cross_entropy(logits_B2.float(), labels_B, reduction="sum")
    return total / count, (logits_B2.argmax(-1) == labels_B).sum() / count
