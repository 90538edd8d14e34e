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
        ValueError: If the example is no mapping, or holds neither.
    """
    if not isinstance(example, Mapping):
        raise ValueError(
            f"{objective}.corrupt: must return a mapping, and returns a {type(example).__name__}"
        )
    if "targets" in example:
        return len(example["targets"])
    if "attention_mask" in example:
        return example["attention_mask"].sum()
    raise ValueError(
        f"{objective}.corrupt: the example must hold targets, one for each predicted token, or "
        f"attention_mask, (B, T); it holds {', '.join(map(str, example)) or 'nothing'}"
    )


def sum_losses(
    objective: str,
    values: Mapping[str, Tensor],
    weights: Mapping[str, float],
    main_loss: str | None = None,
) -> dict[str, Tensor]:
    """Return ``values`` with ``loss``, the sum by weight of those whose names end in _loss.

    Args:
        objective: The name of the objective, for errors.
        values: What its ``losses`` returned: scalars by name.
        weights: The weights of some of the losses.
        main_loss: The loss that is a mean negative log-likelihood; None where there is none.

    Raises:
        ValueError: If no name does, a value is no scalar, or a loss that is named is not there.
    """
    if not isinstance(values, Mapping):
        raise ValueError(
            f"{objective}.losses: must return a mapping of names to scalars, such as my_loss, and "
            f"returns a {type(values).__name__}"
        )
    for name, value in values.items():
        if not isinstance(value, Tensor) or value.ndim:
            tensor = isinstance(value, Tensor)
            shape = f"has shape {tuple(value.shape)}" if tensor else f"is a {type(value).__name__}"
            raise ValueError(
                f"{objective}.losses: {name} must be a tensor of a single number, such as a mean, "
                f"and {shape}"
            )
    for named, place in [(main_loss, "main_loss"), *((one, "loss_weights") for one in weights)]:
        if named is not None and named not in values:
            raise ValueError(
                f"{objective}.{place}: {named} is no name that losses returns: {', '.join(values)}"
            )
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
