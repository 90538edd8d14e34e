"""The layers of an adapter, and the places for them in a transformer."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from modules.finetuning.targets import in_attention
from modules.layout import layer_parameters, turn

Matrix = nn.Linear | Conv1D


class Bottleneck(nn.Module):
    """Maps (B, T, width) to what an adapter adds to it, by way of (B, T, size).

    Args:
        width: Columns of the hidden states.
        size: Columns in between.
        nonlinearity: A function of torch.nn.functional by name.
        scale: Factor of the result.
    """

    def __init__(self, width: int, size: int, nonlinearity: str, scale: float) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, size), nn.Linear(size, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.nonlinearity, self.scale = getattr(nn.functional, nonlinearity), scale

    def forward(self, hidden_BTH: Tensor) -> Tensor:
        return self.scale * self.up(self.nonlinearity(self.down(hidden_BTH)))


def attach_parallel(enter: nn.Module, leave: nn.Module) -> None:
    """Attach an adapter in parallel: ``leave.adapter`` reads what enters ``enter``.

    Its result is added to what leaves ``leave``.
    """
    entered: list[Tensor] = []
    enter.register_forward_pre_hook(lambda _, args: entered.append(args[0]))
    leave.register_forward_hook(lambda layer, _, h: h + layer.adapter(entered.pop()))


def sublayers(model: Any, width: int) -> Iterator[tuple[Matrix, Matrix, Matrix]]:
    """Yield of each block attention's last matrix and the feed-forward's first and last.

    Raises:
        ValueError: If the model's blocks are of another structure.
    """
    blocks = layer_parameters(model)
    for names in blocks or [[]]:
        owners = [name.removesuffix(".weight") for name in names if name.endswith(".weight")]
        layers = {name: model.get_submodule(name) for name in owners}
        matrices = {name: m for name, m in layers.items() if isinstance(m, Matrix)}
        matrices = dict(sorted(matrices.items(), key=lambda entry: turn(model, entry[0])))
        attention = [layer for name, layer in matrices.items() if in_attention(name)]
        forward = [layer for name, layer in matrices.items() if not in_attention(name)]
        fits = attention and len(forward) in (2, 3)  # a gated block has three; experts have more
        if not fits or [_shape(attention[-1])[1], *_shape(forward[0], forward[-1])] != [width] * 3:
            raise ValueError(
                f"--model Adapter: {model.config.model_type} is not made of blocks with an "
                f"attention output and two or three feed-forward matrices on {width} columns"
            )
        yield attention[-1], forward[0], forward[-1]


def _shape(first: Matrix, last: Matrix | None = None) -> tuple[int, int]:
    """Return the columns that enter ``first`` and leave ``last``; GPT-2's are transposed."""
    enter, leave = first.weight.shape, (last or first).weight.shape
    turned = isinstance(first, Conv1D)
    return (enter[0], leave[1]) if turned else (enter[1], leave[0])
