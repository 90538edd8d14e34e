"""The last feed-forward layer of a network, run only on the tokens whose states are read.

Attention mixes tokens; all that follows the last one works on each token alone. A masked language
model reads the state of every seventh token: the last feed-forward layer of the others would be for
nothing, and it is two thirds of the work of a layer.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from modules import varlen_attention
from modules.cross_entropy import pad_to_multiple

# How the modules of a block's feed-forward layer are called, in the order in which they run.
_NAMES = (("mlp",), ("ffn",), ("intermediate", "output"))
_MOST = 0.8  # the share of the tokens up to which selecting them pays: there, 4 % of a small step


def _last_block(body: nn.Module) -> nn.Module | None:
    """Return the last of a network's blocks, which are in its first list of modules."""
    blocks = next((one for one in body.modules() if isinstance(one, nn.ModuleList)), None)
    return blocks[-1] if blocks else None


def feed_forward(body: nn.Module) -> list[nn.Module]:
    """Return the modules of the feed-forward layer of the last block; none if it is not known.

    Args:
        body: A network of transformers, without its head.
    """
    block = _last_block(body)
    parts = dict(block.named_children()) if block is not None else {}
    return next(([parts[n] for n in names] for names in _NAMES if {*names} <= {*parts}), [])


class _Selected:
    """Hooks around a feed-forward layer of rows of tokens; a prompt may stand before them."""

    def __init__(self, mask_BT: Tensor) -> None:
        self.mask_BT = mask_BT
        self.shape, self.places_N = torch.Size(), mask_BT.new_empty(0, dtype=torch.int64)

    def _select(self, given: Any) -> Any:
        if not (isinstance(given, Tensor) and given.ndim == 3):
            return given  # it is selected
        if (shape := given.shape[:2]) != self.shape:
            if (mask := varlen_attention.joined_mask(self.mask_BT, shape)) is None:
                return given
            self.places_N, self.shape = mask.flatten().nonzero()[:, 0], shape
        return pad_to_multiple(given.flatten(0, 1).index_select(0, self.places_N))

    @torch.compiler.disable
    def before(self, module: nn.Module, arguments: tuple) -> tuple:
        return tuple(map(self._select, arguments))

    @torch.compiler.disable
    def after(self, module: nn.Module, arguments: tuple, made_NH: Tensor) -> Tensor:
        whole = made_NH.new_zeros(self.shape.numel(), made_NH.shape[-1])
        whole = whole.index_copy(0, self.places_N, made_NH[: len(self.places_N)])
        return whole.view(*self.shape, -1)


@contextmanager
def selected(body: Any, mask_BT: Tensor) -> Iterator[None]:
    """Have a network run its last feed-forward layer on some tokens, and give zeros for others.

    Nothing changes where most tokens are read, or where a network runs its layers again in the
    backward pass, when the hooks are gone. Where layers do that themselves, the last one does not:
    it would only compute again what it has just computed.

    Args:
        body: A network of transformers, without its head.
        mask_BT: (B, T) bool, true for the tokens whose states are read.
    """
    block: Any = _last_block(body)
    again = getattr(block, "gradient_checkpointing", False)
    many = mask_BT.sum() > _MOST * mask_BT.numel()
    if many or (body.is_activation_checkpointing and not again):
        yield
        return
    hooks, parts = _Selected(mask_BT), feed_forward(body)
    with ExitStack() as stack:
        for part in parts:  # ahead of hooks that are there: an adapter's reads the selected tokens
            stack.enter_context(part.register_forward_pre_hook(hooks.before, prepend=True))
        stack.enter_context(parts[-1].register_forward_hook(hooks.after))
        if again:
            block.gradient_checkpointing = False
            stack.callback(setattr, block, "gradient_checkpointing", True)
        yield


@contextmanager
def query_stream_alone(network: Any) -> Iterator[None]:
    """Have the last layer of an XLNet compute its query stream alone, of which the loss is made.

    Its content stream would only feed a next layer. The tokens before the last one are given as
    memory, whose keys and values attention reads and whose own states it leaves out.

    Args:
        network: An XLNet with an output layer, run with a target mapping.
    """

    def shorten(layer: nn.Module, arguments: tuple, settings: dict) -> tuple[tuple, dict]:
        content_TBH, query_NBH = arguments
        names = ("attn_mask_h", "seg_mat")
        last = {n: None if settings[n] is None else settings[n][-1:] for n in names}
        return (content_TBH[-1:], query_NBH), {**settings, **last, "mems": content_TBH[:-1]}

    with network.base_model.layer[-1].register_forward_pre_hook(shorten, with_kwargs=True):
        yield
