"""What an objective makes of a batch of clean rows, and the sum of its losses."""

import math
from collections.abc import Mapping
from typing import Any, TypedDict

import torch
from torch import Tensor


class Example(TypedDict, total=False):
    """An example, which an objective's ``corrupt`` returns and its ``losses`` takes.

    It must hold ``targets`` or ``attention_mask``: batches are weighed by the number of targets or
    of tokens. All other keys are the objective's own; for a type checker, name them in a subclass.
    """

    inputs: dict[str, Any]  # of the model
    target_mask: Tensor  # (B, T) bool, the N tokens that are predicted
    targets: Tensor  # (N,) int64
    attention_mask: Tensor  # (B, T) int64, 1 for a token and 0 for padding


def num_targets(objective: str, example: Mapping[str, Any]) -> Tensor | int:
    """Count what the mean loss of an example is over: its targets, or else its tokens.

    Raises:
        ValueError: If the example holds neither.
    """
    if "targets" in example:
        return len(example["targets"])
    if "attention_mask" in example:
        return example["attention_mask"].sum()
    raise ValueError(
        f"{objective}.corrupt: the example must hold targets, one for each predicted token, or "
        f"attention_mask, (B, T); it holds {', '.join(map(str, example)) or 'nothing'}"
    )


def sum_losses(
    objective: str, values: Mapping[str, Tensor], weights: Mapping[str, float]
) -> dict[str, Tensor]:
    """Return ``values`` with ``loss``, the sum by weight of those whose names end in _loss.

    Raises:
        ValueError: If no name does.
    """
    parts = [weights.get(name, 1.0) * v for name, v in values.items() if name.endswith("_loss")]
    if not parts:
        raise ValueError(
            f"{objective}.losses: one name at least must end in _loss; there are "
            f"{', '.join(values) or 'none'}"
        )
    return {"loss": torch.stack(parts).sum(), **values}


def log_perplexity(module: Any) -> None:
    """Log perplexity, and bits per byte of an autoregressive model, from the mean loss."""
    mean = module.trainer.callback_metrics.get(f"val/{module.main_loss}")
    for name, value in _from_nll(module.main_loss, mean, module.hparams["bytes_per_token"]).items():
        module.log(f"val/{name}", value)


def _from_nll(
    name: str | None, mean: Tensor | None, bytes_per_token: float | None
) -> dict[str, Tensor]:
    """Return what follows from the mean negative log-likelihood of tokens.

    Args:
        name: The loss that is one; None where there is none.
        mean: Its mean over the validation rows; None if it was not logged.
        bytes_per_token: UTF-8 bytes per token, where they are known.
    """
    if name is None or mean is None:
        return {}
    found = {"perplexity": mean.exp()}
    if name == "causal_loss" and bytes_per_token:
        found["bits_per_byte"] = mean / math.log(2) / bytes_per_token
    return found
