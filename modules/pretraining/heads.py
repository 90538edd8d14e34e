"""Running a language model's head only where its answer counts, and the head of sentence pairs."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def predict(model: nn.Module, places_BT: Tensor, **inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Logits at N chosen places, (N, vocabulary), and the hidden states of all, (B, T, H).

    The head's matrix is the largest of a small network; where one token in seven is guessed, this
    spares six sevenths of it.
    """
    hidden: list[Tensor] = []

    def select(module: nn.Module, arguments: tuple, output: dict) -> dict:
        hidden.append(output["last_hidden_state"])
        output["last_hidden_state"] = output["last_hidden_state"][places_BT][None]
        return output

    handle = model.base_model.register_forward_hook(select)
    try:
        logits_1NV = model(**inputs).logits
    finally:
        handle.remove()
    return logits_1NV[0], hidden[0]


def guess(
    model: nn.Module, inputs: dict[str, Tensor], places: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean cross-entropy of the tokens at the places, share guessed right, and hidden states.

    Args:
        places: (B, T) bool, N of them.
        targets: (N,) int64. Where there are none, the loss is 0.
    """
    logits_NV, hidden_BTH = predict(model, places, **inputs)
    total = functional.cross_entropy(logits_NV.float(), targets, reduction="sum")
    right = (logits_NV.argmax(-1) == targets).sum()
    count = max(1, len(targets))
    return total / count, right / count, hidden_BTH


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
