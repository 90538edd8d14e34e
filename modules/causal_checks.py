"""Questions to a language model that has been built, answered by running it on short rows.

Answers are kept in the cache folder by the architecture: a network with another config, class or
version is asked anew.
"""

import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from modules.backbones import unwrap
from modules.self_check import architecture_key, neutral, recalled

# Float32 rounds differently with another order of sums: of the largest logit, this share.
_ROUNDING = 1e-5
# What to say of a network that ``reads_each_token_alone``.
ALONE = "reads each token alone on this machine, as where a kernel that it needs is missing"
_APART: weakref.WeakKeyDictionary[nn.Module, bool] = weakref.WeakKeyDictionary()


@contextmanager
def probing(model: nn.Module) -> Iterator[None]:
    """Run a model as in use, but without effect on it or on the random numbers of the run.

    Dropout is off. Weights are float32 meanwhile, also those that a trainer keeps in bf16, and what
    is around the block, such as autocast, has no part in it. Vectors are moved away from their
    initial 0 or 1, with which a part that they belong to could do nothing yet.
    """
    modes = [(module, module.training) for module in model.modules()]
    held = [*model.parameters(), *model.buffers()]
    # Tensors of other classes are quantised.
    held = [one for one in held if one.is_floating_point() and type(one.data) is Tensor]
    kept = [one.data for one in held]
    with neutral(), torch.no_grad(), torch.device(next(model.parameters()).device):
        try:
            model.eval()
            for one in held:  # the values themselves stay as they are, and are put back
                if not isinstance(one, nn.Parameter):
                    one.data = one.data.to(_wide(one.dtype), copy=True)
                elif one.ndim == 1:
                    one.data = one.data.to(_wide(one.dtype)) + torch.linspace(0.0, 0.1, len(one))
                else:
                    one.data = one.data.to(_wide(one.dtype))
            yield
        finally:
            for one, value in zip(held, kept, strict=True):
                one.data = value
            for module, training in modes:
                module.training = training


def _wide(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype.itemsize >= torch.float32.itemsize else torch.float32


def probe_rows(model: Any, rows: int, tokens: int) -> Tensor:
    """Return rows of different ordinary tokens, (rows, tokens) int64."""
    config = model.config.get_text_config()
    given = [value for name, value in vars(config).items() if name.endswith("_token_id")]
    special = {i for one in given for i in (one if isinstance(one, list | tuple) else [one])}
    ordinary = [i for i in range(getattr(config, "vocab_size", 256)) if i not in special]
    ids = [ordinary[(place * 7 + 3) % len(ordinary)] for place in range(rows * tokens)]
    return torch.tensor(ids, device=next(model.parameters()).device).view(rows, tokens)


def same(ones: Tensor, others: Tensor, rounding: float = _ROUNDING) -> bool:
    """Tell whether logits are equal but for rounding, a share of the largest."""
    return bool((ones - others).abs().max() <= rounding * ones.abs().max())


def sees_later_tokens(model: Any) -> bool:
    """Tell whether a language model's logits depend on tokens after their own, or their number."""
    return _answer("sees_later_tokens", model, _sees_later_tokens)


def _sees_later_tokens(model: Any) -> bool | None:
    ids_BT = probe_rows(model, 1, 12).repeat(3, 1)
    ids_BT[1, 8:], ids_BT[2, :4] = ids_BT[1, :4], ids_BT[2, 8:]
    with probing(model):
        logits_BTV = model(input_ids=ids_BT).logits
        cut_TV = model(input_ids=ids_BT[:1, :8]).logits[0]
    if not logits_BTV.isfinite().all() or same(logits_BTV[0, 4:8], logits_BTV[2, 4:8]):
        return None  # not even earlier tokens tell
    # Another length of the row changes the order of sums more than other tokens in it do.
    blind = same(cut_TV, logits_BTV[0, :8], 100 * _ROUNDING)
    return not blind or not same(logits_BTV[0, :8], logits_BTV[1, :8])


def reads_each_token_alone(model: Any) -> bool:
    """Tell whether no token's hidden state depends on another token.

    So it is where transformers returns zeros for an attention whose kernel the machine lacks. A
    network of one's own may mean it.
    """
    if not any(one.__module__.startswith("transformers.models.") for one in type(model).__mro__):
        return False
    return _answer("reads_each_token_alone", model, _reads_each_token_alone)


def _reads_each_token_alone(model: Any) -> bool | None:
    ids_BT = probe_rows(model, 1, 12).repeat(2, 1)
    ids_BT[1, 0] = ids_BT[0, 5]
    inputs, seen = {"input_ids": ids_BT}, []
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = ids_BT
    hook = model.base_model.register_forward_hook(lambda *call: seen.append(call[2][0]))
    try:
        with probing(model):
            model(**inputs)
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None  # it wants other inputs
    finally:
        hook.remove()
    if not seen or seen[-1].ndim != 3 or seen[-1].shape[1] < 2:
        return None
    states_BTH = seen[-1]
    return torch.equal(states_BTH[0, 1:], states_BTH[1, 1:])


def keeps_texts_apart(model: Any) -> bool:
    """Tell whether texts that share a row get the logits that each has alone.

    Texts are told apart by positions that begin anew, which not every family takes: some have no
    position ids, and what is recurrent in them runs on from text to text. A model that does not is
    named in a warning, once.
    """
    if model not in _APART:
        _APART[model] = _answer("keeps_texts_apart", model, _keeps_texts_apart)
        if not _APART[model]:
            warnings.warn(
                f"{model.config.model_type} cannot keep texts apart that share a row: each gets a "
                f"row of its own, which takes more memory and time",
                stacklevel=2,
            )
    return _APART[model]


def _keeps_texts_apart(model: Any) -> bool | None:
    ids_1T = probe_rows(model, 1, 12)
    places = [*range(7), *range(5)]
    inputs = {"position_ids": torch.tensor([places], device=ids_1T.device), "use_cache": False}
    with probing(model):
        alone = [model(input_ids=part).logits for part in (ids_1T[:, :7], ids_1T[:, 7:])]
        joined = model(input_ids=ids_1T).logits
        try:
            packed = model(input_ids=ids_1T, **inputs).logits
        except torch.OutOfMemoryError:
            raise
        except (TypeError, ValueError, RuntimeError):  # it takes no such positions
            return False
    if not joined.isfinite().all() or same(torch.cat(alone, 1), joined):
        return None  # not even as one text do they see each other
    return same(torch.cat(alone, 1), packed)


def _answer(question: str, model: Any, ask: Callable[[Any], bool | None]) -> bool:
    """Answer a question about a model, once for each architecture.

    Args:
        question: Its name in the cache folder.
        model: A language model of transformers.
        ask: Answers it by running the model; None where its weights hide the answer, as those that
            are all 0 do. That counts as no, and is asked again.
    """

    def make() -> dict[str, Any]:
        holds = ask(model)
        return {} if holds is None else {"holds": holds}

    dtype = str(_wide(next(model.parameters()).dtype))
    found = recalled("causal", [question, architecture_key(model), dtype], make)
    return bool(found.get("holds", False))


def isolated(
    model: Any, inputs: dict[str, Any], target_mask: Tensor
) -> tuple[dict[str, Any], Tensor]:
    """Return inputs in which no text of a row sees another, and their target mask.

    Args:
        model: A language model of transformers, with or without a peft model around it.
        inputs: The model's inputs; with ``position_ids``, 0 where a text begins, rows are packed.
        target_mask: (B, T) bool, the tokens that count.
    """
    if "position_ids" not in inputs or keeps_texts_apart(unwrap(model)):
        return inputs, target_mask
    rest = dict(inputs)
    packed = rest.pop("input_ids"), rest.pop("position_ids")
    rows, target_mask = unpack(*packed, target_mask)
    return {**rest, **rows}, target_mask


def unpack(
    ids_BT: Tensor, positions_BT: Tensor, target_mask: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Give each text of packed rows a row of its own, for a model that cannot tell them apart.

    Texts without a target are left out, and so is what follows a text's last target.

    Args:
        ids_BT: int64.
        positions_BT: int64, 0 where a text begins.
        target_mask: (B, T) bool, the tokens that count, N.

    Returns:
        The model's inputs, and its target mask, (rows, W) bool, with the N tokens in their order.
    """
    begins = positions_BT == 0
    begins[:, 0] = True
    starts_S = begins.flatten().nonzero()[:, 0]
    text_N = begins.flatten().cumsum(0)[target_mask.flatten()] - 1
    place_N = target_mask.flatten().nonzero()[:, 0] - starts_S[text_N]
    length_S = torch.zeros_like(starts_S).scatter_reduce(0, text_N, place_N + 1, "amax")
    length_S[0] = length_S[0].clamp(min=1)  # a row at least
    kept = length_S > 0
    starts_S, length_S = starts_S[kept], length_S[kept]
    place_W = torch.arange(int(length_S.max()), device=ids_BT.device)
    mask_SW = place_W < length_S[:, None]
    from_SW = (starts_S[:, None] + place_W).where(mask_SW, starts_S[:, None])
    inputs = {"input_ids": ids_BT.flatten()[from_SW], "attention_mask": mask_SW.long()}
    return inputs, target_mask.flatten()[from_SW] & mask_SW
