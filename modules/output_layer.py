"""The output layer of a language model, run only on the tokens that count in the loss."""

import functools
import weakref
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.utils import ModelOutput

from modules import last_layer
from modules.backbones import unwrap, without_cache
from modules.causal_checks import probe_rows, probing, same
from modules.cross_entropy import chunked_cross_entropy, pad_to_multiple
from modules.self_check import architecture_key, recalled


class Selection(NamedTuple):
    """How the tokens that count are told from the others without a change of their logits.

    Attributes:
        place: Where they are selected: behind the body, before the output layer, or at the end.
        chunks: Whether the output layer's own logits are the model's, so that it can run in chunks.
        last: Whether the last feed-forward layer, too, can run on the tokens that count alone.
    """

    place: Literal["body", "layer", "end"]
    chunks: bool
    last: bool = False


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
        hidden_BTH: The last hidden states, (B, T, H), right where they were asked for; None where
            none were, or the model does not show them.
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


def body_of(model: Any) -> Any:
    """Return the part of a language model whose states its head reads."""
    return model.get_decoder() if model.config.is_encoder_decoder else model.base_model


def run_at(
    model: nn.Module, target_mask: Tensor, read_mask: Tensor | None = None, **inputs: Any
) -> Outputs:
    """Run a model with its output layer on N tokens alone, or on none.

    The output layer is the largest of a small network, and its logits the largest tensor of most:
    here it is given no row, and :class:`Outputs` runs it in chunks. Where the logits are not the
    output layer's own, as of a model that scales or caps them afterwards, the model's logits are
    taken whole. The last feed-forward layer runs on few tokens alone too; see :mod:`last_layer`.

    Args:
        model: A language model of transformers, with or without a peft model around it.
        target_mask: (B, T) bool, true for the N tokens that count.
        read_mask: (B, T) bool, true for the tokens whose last hidden states are read besides.
        inputs: The model's inputs.
    """
    inputs = {**without_cache(unwrap(model)), **inputs}
    read = target_mask if read_mask is None else target_mask | read_mask
    found = _run(model, target_mask, selection(model), inputs, read)
    return found if read_mask is not None else replace(found, hidden_BTH=None)


def _run(
    model: nn.Module, target_mask: Tensor, how: Selection, inputs: dict[str, Any], read_mask: Tensor
) -> Outputs:
    states: list[Tensor] = []
    given: list[Tensor] = []
    inner, (place, chunks, last) = unwrap(model), how
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

    body = body_of(inner)
    with ExitStack() as stack:
        stack.enter_context(body.register_forward_hook(select))
        if place != "end":
            stack.enter_context(layer.register_forward_pre_hook(take))
        if last:
            stack.enter_context(last_layer.selected(body, read_mask))
        logits = model(**inputs).logits
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

    The model runs on three short rows in each way, and the logits have to be its own.
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
    ids_BT = probe_rows(model, 3, 4)
    inputs: dict[str, Any] = {"input_ids": ids_BT}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = ids_BT
    # More than the sides of the rows, so that none is taken for them, and not most of all.
    here_BT = torch.tensor([[0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 1, 0]], device=ids_BT.device) > 0
    with probing(model):
        model(**{name: ids[:1] for name, ids in inputs.items()})  # no state is left of other rows
        largest = model(**inputs).logits.abs().max()
        if not largest.isfinite() or not largest:
            return {}
        # Those of a random network are so small that a cap on them would leave them as they are.
        enlarge = layer.register_forward_hook(lambda _, given, made: made * (_LARGE / largest))
        try:
            wanted_NV = model(**inputs).logits[here_BT]
            fits = functools.partial(_same_logits, model, inputs, here_BT, wanted_NV)
            found = next(filter(fits, _SELECTIONS), _WHOLE)
            if found is not _WHOLE and last_layer.feed_forward(body_of(model)):
                found = found._replace(last=fits(found._replace(last=True)))
            return found._asdict()
        finally:
            enlarge.remove()


def _same_logits(
    model: Any, inputs: dict[str, Any], here_BT: Tensor, wanted_NV: Tensor, how: Selection
) -> bool:
    try:
        found_NV = _run(model, here_BT, how, inputs, here_BT).logits()
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return False  # the hooks do not fit how the model is put together
    return found_NV.shape == wanted_NV.shape and same(wanted_NV, found_NV)


def lm_loss(
    model: nn.Module,
    inputs: dict[str, Any],
    target_mask: Tensor,
    targets: Tensor,
    read_mask: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Compute the language modeling loss of N target tokens.

    Args:
        model: A language model of transformers.
        inputs: The model's inputs.
        target_mask: (B, T) bool, true where a token is predicted.
        targets: (N,) int64, the right tokens. Where there are none, the loss is 0.
        read_mask: (B, T) bool, true for the tokens whose last hidden states are read.

    Returns:
        Mean cross-entropy and accuracy, both scalars, and the last hidden states that are read,
        (B, T, H), or None where none are or the model does not show them.
    """
    outputs, count = run_at(model, target_mask, read_mask, **inputs), max(1, len(targets))
    total, right = outputs.nll(targets)
    return total / count, right / count, outputs.hidden_BTH
