"""The output layer of a language model, run only on the tokens that count in the loss."""

import weakref
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.utils import ModelOutput

from modules.backbones import unwrap, without_cache
from modules.causal_checks import probe_rows, probing, same
from modules.cross_entropy import chunked_cross_entropy, pad_to_multiple
from modules.self_check import architecture_key, recalled


class Selection(NamedTuple):
    """How the tokens that count are told from the others without a change of their logits.

    Attributes:
        place: Where they are selected: behind the body, before the output layer, or at the end.
        chunks: Whether the output layer's own logits are the model's, so that it can run in chunks.
    """

    place: Literal["body", "layer", "end"]
    chunks: bool


# From the least work to the most.
_SELECTIONS = (
    Selection("body", chunks=True),
    Selection("layer", chunks=True),
    Selection("body", chunks=False),
    Selection("layer", chunks=False),
)
_WHOLE = Selection("end", chunks=False)
_LARGE = 50.0  # the largest logit in the comparison
_FOUND: weakref.WeakKeyDictionary[nn.Module, Selection] = weakref.WeakKeyDictionary()


@dataclass
class Outputs:
    """What a language model makes of N tokens.

    Attributes:
        hidden_BTH: All last hidden states, (B, T, H); None where the model does not show them.
        given_NH: Inputs of the output layer, (N, H); None where only logits are known.
        logits_NV: The logits, (N, V), where given_NH is None.
        layer: The output layer.
    """

    hidden_BTH: Tensor | None
    given_NH: Tensor | None
    logits_NV: Tensor | None
    layer: Any

    def part(self, chosen_N: Tensor) -> "Outputs":
        """Return the outputs of some of the tokens, by a mask or their numbers."""
        given_NH = None if self.given_NH is None else self.given_NH[chosen_N]
        logits_NV = None if self.logits_NV is None else self.logits_NV[chosen_N]
        return replace(self, given_NH=given_NH, logits_NV=logits_NV)

    def nll(self, targets_N: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed negative log-likelihood of the targets, and how many argmax chooses."""
        if self.given_NH is not None:
            weights = self.layer.weight, self.layer.bias
            return chunked_cross_entropy(self.given_NH, *weights, targets_N)
        assert self.logits_NV is not None  # one of the two is known
        logits_NV = self.logits_NV.float()
        total = functional.cross_entropy(logits_NV, targets_N, reduction="sum")
        return total, (logits_NV.argmax(1) == targets_N).sum()

    def logits(self) -> Tensor:
        """Return the logits, (N, V)."""
        if self.given_NH is None:
            assert self.logits_NV is not None
            return self.logits_NV
        return self.layer(pad_to_multiple(self.given_NH))[: len(self.given_NH)]


def run_at(model: nn.Module, target_mask: Tensor, **inputs: Any) -> Outputs:
    """Run a model with its output layer on N tokens alone, or on none.

    The output layer is the largest of a small network, and its logits the largest tensor of most:
    here it is given no row, and :class:`Outputs` runs it in chunks. Where the logits are not the
    output layer's own, as of a model that scales or caps them afterwards, the model's logits are
    taken whole.

    Args:
        model: A language model of transformers, with or without a peft model around it.
        target_mask: (B, T) bool, true for the N tokens that count.
        inputs: The model's inputs.
    """
    inputs = {**without_cache(unwrap(model)), **inputs}
    return _run(model, target_mask, selection(model), inputs)


def _run(model: nn.Module, target_mask: Tensor, how: Selection, inputs: dict[str, Any]) -> Outputs:
    states: list[Tensor] = []
    given: list[Tensor] = []
    inner, (place, chunks) = unwrap(model), how
    layer = inner.get_output_embeddings()

    def chosen(rows_BTX: Tensor) -> Tensor:
        return rows_BTX[:, -target_mask.shape[1] :][target_mask]  # without a prompt before it

    def select(module: nn.Module, arguments: tuple, output: Any) -> Any:
        if isinstance(output, ModelOutput) and "last_hidden_state" in output:
            states.append(output["last_hidden_state"])
            if place == "body":
                output["last_hidden_state"] = pad_to_multiple(chosen(states[0]))[None]
        return output

    def take(module: nn.Module, arguments: tuple) -> tuple:
        rows = arguments[0] if place == "body" else pad_to_multiple(chosen(arguments[0]))[None]
        given.append(rows[0][: int(target_mask.sum())])
        return (rows[:, :0] if chunks else rows,)

    body = inner.get_decoder() if inner.config.is_encoder_decoder else inner.base_model
    handles = [body.register_forward_hook(select)]
    if place != "end":
        handles.append(layer.register_forward_pre_hook(take))
    try:
        logits = model(**inputs).logits
    finally:
        for handle in handles:
            handle.remove()
    hidden_BTH = states[0] if states else None
    if chunks:
        (given_NH,) = given
        return Outputs(hidden_BTH, given_NH, None, layer)
    rows_NV = chosen(logits) if place == "end" else logits[0, : len(given[0])]
    return Outputs(hidden_BTH, None, rows_NV, layer)


def check_output_layer(model: Any, flag: str) -> None:
    """Refuse a model that has no logits for each token of a row.

    Args:
        model: A language model of transformers.
        flag: How the error begins.

    Raises:
        ValueError: If it has no output layer.
    """
    if unwrap(model).get_output_embeddings() is None:
        kind = unwrap(model).config.model_type
        raise ValueError(f"{flag}: {kind} has no output layer that reads the state of each token")


def selection(model: Any) -> Selection:
    """Find out how to select the tokens that count; asked once of each architecture.

    The model runs on two short rows in each way, and the logits have to be its own.
    """
    inner = unwrap(model)
    layer = inner.get_output_embeddings()
    if layer is None:
        return _WHOLE
    if inner not in _FOUND:
        kinds = [type(layer).__qualname__, str(next(inner.parameters()).dtype)]
        key = [*architecture_key(inner), *kinds]
        found = recalled("selections", key, lambda: _fitting(inner, layer))
        _FOUND[inner] = Selection(**found) if found else _WHOLE
    # An adapter on the output layer adds to what its matrix gives.
    plain = isinstance(layer, nn.Linear) and type(layer).forward is nn.Linear.forward
    return _FOUND[inner] if plain else _FOUND[inner]._replace(chunks=False)


def _fitting(model: Any, layer: nn.Module) -> dict[str, Any]:
    """Return the best selection that leaves the logits as they are; empty if they tell nothing."""
    ids_BT = probe_rows(model, 2, 4)
    inputs: dict[str, Any] = {"input_ids": ids_BT}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = ids_BT
    # As many as no side of the rows, so that none is taken for them.
    here_BT = torch.tensor([[0, 1, 1, 0], [1, 0, 1, 1]], device=ids_BT.device) > 0
    with probing(model):
        model(**{name: ids[:1] for name, ids in inputs.items()})  # no state is left of other rows
        largest = model(**inputs).logits.abs().max()
        if not largest.isfinite() or not largest:
            return {}
        # Those of a random network are so small that a cap on them would leave them as they are.
        enlarge = layer.register_forward_hook(lambda _, given, made: made * (_LARGE / largest))
        try:
            wanted_NV = model(**inputs).logits[here_BT]
            ways = (
                how for how in _SELECTIONS if _same_logits(model, how, inputs, here_BT, wanted_NV)
            )
            return next(ways, _WHOLE)._asdict()
        finally:
            enlarge.remove()


def _same_logits(
    model: Any, how: Selection, inputs: dict[str, Any], here_BT: Tensor, wanted_NV: Tensor
) -> bool:
    try:
        found_NV = _run(model, here_BT, how, inputs).logits()
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return False  # the hooks do not fit how the model is put together
    return found_NV.shape == wanted_NV.shape and same(wanted_NV, found_NV)


def lm_loss(
    model: nn.Module, inputs: dict[str, Any], target_mask: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Compute the language modeling loss of N target tokens.

    Args:
        model: A language model of transformers.
        inputs: The model's inputs.
        target_mask: (B, T) bool, true where a token is predicted.
        targets: (N,) int64, the right tokens. Where there are none, the loss is 0.

    Returns:
        Mean cross-entropy and accuracy, both scalars, and the last hidden states, (B, T, H), or
        None where the model does not show them.
    """
    outputs, count = run_at(model, target_mask, **inputs), max(1, len(targets))
    total, right = outputs.nll(targets)
    return total / count, right / count, outputs.hidden_BTH


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
