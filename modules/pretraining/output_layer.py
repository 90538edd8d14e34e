"""The output layer of a language model, run only on the tokens that count in the loss."""

from typing import Any

import torch
from torch import Tensor, nn

from modules.backbones import unwrap
from modules.cross_entropy import chunked_cross_entropy, pad_to_multiple


def hidden_at(model: nn.Module, target_mask: Tensor, **inputs: Any) -> tuple[Tensor, Tensor]:
    """Run a model without its output layer.

    The output layer is the largest of a small network, and its logits the largest tensor of most:
    here it is given no row, and its caller does with the N vectors what is needed.

    Args:
        model: A language model of transformers, with or without a peft model around it.
        target_mask: (B, T) bool, true for the N tokens that count.
        inputs: The model's inputs.

    Returns:
        What the output layer would get for these tokens, (N, H), and all last hidden states,
        (B, T, H).
    """
    found: list[Tensor] = []

    def select(module: nn.Module, arguments: tuple, output: Any) -> Any:
        hidden_BTH = output["last_hidden_state"]
        rows_BTH = hidden_BTH[:, -target_mask.shape[1] :]  # without a prompt before it
        chosen_NH = rows_BTH[target_mask]
        found.extend((hidden_BTH, chosen_NH))
        output["last_hidden_state"] = pad_to_multiple(chosen_NH)[None]
        return output

    def take(module: nn.Module, arguments: tuple) -> tuple:
        found.append(arguments[0][0])
        return (arguments[0][:, :0],)

    inner = unwrap(model)
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


def lm_loss(
    model: nn.Module, inputs: dict[str, Any], target_mask: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the language modeling loss of N target tokens.

    Args:
        model: A language model of transformers.
        inputs: The model's inputs.
        target_mask: (B, T) bool, true where a token is predicted.
        targets: (N,) int64, the right tokens. Where there are none, the loss is 0.

    Returns:
        Mean cross-entropy and accuracy, both scalars, and the last hidden states, (B, T, H).
    """
    chosen_NH, hidden_BTH = hidden_at(model, target_mask, **inputs)
    loss, accuracy = nll(model, chosen_NH, targets)
    return loss, accuracy, hidden_BTH


def nll(model: Any, chosen_NH: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor]:
    """Run the output layer on what :func:`hidden_at` returned.

    Returns:
        The mean negative log-likelihood of the targets and the accuracy, both scalars.
    """
    layer, count = model.get_output_embeddings(), max(1, len(targets_N))
    total, right = chunked_cross_entropy(chosen_NH, layer.weight, layer.bias, targets_N)
    return total / count, right / count


def sample_tokens(logits_NV: Tensor, draws_N: Tensor) -> Tensor:
    """Sample a token for each row by inverse transform sampling.

    The distribution is that of Gumbel-max sampling, which needs a draw and two logarithms for each
    entry of the vocabulary where this needs one draw.

    Args:
        logits_NV: Logits of N tokens.
        draws_N: Uniform draws from [0, 1).

    Returns:
        Token ids, (N,) int64.
    """
    cumulative_NV = logits_NV.float().softmax(-1).cumsum(-1)
    below_N1 = draws_N[:, None] * cumulative_NV[:, -1:]  # the sum is 1 but for rounding
    ids_N1 = torch.searchsorted(cumulative_NV, below_N1, right=True)
    return ids_N1[:, 0].clamp(max=logits_NV.shape[1] - 1)
