"""Layers of an adapter, and where in a transformer they go."""

from collections.abc import Iterator

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from modules.finetuning.targets import in_attention, layer_groups


class Bottleneck(nn.Module):
    """What an adapter adds to (B, T, width) by way of (B, T, size)."""

    def __init__(self, width: int, size: int, nonlinearity: str, scale: float) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, size), nn.Linear(size, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.nonlinearity, self.scale = getattr(nn.functional, nonlinearity), scale

    def forward(self, hidden_BTH: Tensor) -> Tensor:
        return self.scale * self.up(self.nonlinearity(self.down(hidden_BTH)))


def beside(enter: nn.Module, leave: nn.Module) -> None:
    """Let ``leave`` add what its adapter makes of that which enters ``enter``."""
    entered: list[Tensor] = []
    enter.register_forward_pre_hook(lambda _, args: entered.append(args[0]))
    leave.register_forward_hook(lambda layer, _, h: h + layer.adapter(entered.pop()))


def sublayers(model: nn.Module, width: int) -> Iterator[tuple[nn.Module, nn.Module, nn.Module]]:
    """Of each block: attention's last matrix, the feed-forward block's first and its last."""
    blocks = [names for group, names in layer_groups(model).items() if group.startswith("layer.")]
    for names in blocks or [[]]:
        owners = [name.removesuffix(".weight") for name in names if name.endswith(".weight")]
        layers = {name: model.get_submodule(name) for name in owners}
        layers = {name: m for name, m in layers.items() if isinstance(m, nn.Linear | Conv1D)}
        attention = [layer for name, layer in layers.items() if in_attention(name)]
        forward = [layer for name, layer in layers.items() if not in_attention(name)]
        fits = attention and len(forward) in (2, 3)  # a gated block has three; experts have more
        if not fits or [_shape(attention[-1])[1], *_shape(forward[0], forward[-1])] != [width] * 3:
            raise ValueError(
                f"--model Adapter: {model.config.model_type} is not made of blocks with an "
                f"attention output and two or three feed-forward matrices on {width} columns"
            )
        yield attention[-1], forward[0], forward[-1]


def _shape(first: nn.Module, last: nn.Module | None = None) -> tuple[int, int]:
    """Columns that enter ``first`` and leave ``last``; GPT-2's matrices are transposed."""
    enter, leave = first.weight.shape, (last or first).weight.shape
    turned = isinstance(first, Conv1D)
    return (enter[0], leave[1]) if turned else (enter[1], leave[0])
