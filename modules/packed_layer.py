"""A frozen linear layer whose matrix is kept in 8 or 4 bits."""

from collections.abc import Callable
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from datamodules import optional

Bits = Literal["8bit", "4bit"]
Plain = nn.Linear | Conv1D


def library() -> Any:
    """Import bitsandbytes.

    Raises:
        ValueError: If it is not installed.
    """
    return optional.require("bitsandbytes", "quantization", "quantises frozen matrices")


class Packed:
    """The values of a matrix (out, in) in 8 or 4 bits, and their scales.

    8 bits have one scale for each row, without a zero point, as the weights of LLM.int8() (Dettmers
    et al. 2022). 4 bits are NormalFloat with a scale for each 64 values, whose own scales have 8
    bits (Dettmers et al. 2023, sections 3.1 and 3.2).

    Args:
        matrix: The values, (out, in).
        bits: 8bit or 4bit.
    """

    def __init__(self, matrix: Tensor, bits: Bits) -> None:
        functions = library().functional
        self.bits, self.shape = bits, matrix.shape
        if bits == "4bit":
            self._unpack = functions.dequantize_4bit
            self.codes, self.scale = functions.quantize_4bit(
                matrix.float().contiguous(), quant_type="nf4", compress_statistics=True
            )
        else:  # the library takes them in half precision alone
            self._unpack = functions.int8_vectorwise_dequant
            self.codes, self.scale, _ = functions.int8_vectorwise_quant(matrix.half().contiguous())

    def to(self, device: torch.device) -> None:
        """Move to a device; the type of the values stays."""
        self.codes, moved = self.codes.to(device), self.scale.to(device)
        self.scale = self.scale if moved is None else moved  # of 4 bits it moves in place

    def matrix(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the values that the codes stand for, (out, in)."""
        return self._unpack(self.codes, self.scale).to(dtype)

    def nbytes(self) -> int:
        """Return the bytes of codes and scales."""
        held: list[Tensor] = [self.codes]
        if self.bits == "4bit":
            inner = self.scale.state2
            held += [self.scale.absmax, self.scale.code, inner.absmax, inner.code]
        else:
            held.append(self.scale)
        return sum(tensor.nbytes for tensor in held)


class _Product(torch.autograd.Function):
    """x W^T for a packed W, which both passes unpack anew: autograd would keep it in full.

    The library's own layers are not used: they change the type of a bias in place, round what
    enters an 8-bit layer, too, and choose the product's type once and for all, not by autocast.
    """

    @staticmethod
    def forward(ctx: Any, inputs_NI: Tensor, packed: Packed) -> Tensor:
        ctx.packed = packed
        return functional.linear(inputs_NI, packed.matrix(inputs_NI.dtype))

    @staticmethod
    def backward(ctx: Any, *grads_NO: Tensor) -> tuple[Tensor, None]:
        (grad_NO,) = grads_NO
        return grad_NO @ ctx.packed.matrix(grad_NO.dtype), None


class PackedLayer(nn.Module):
    """What :func:`pack` makes of a linear layer; it computes what the unpacked layer would.

    Attributes:
        packed: The matrix. It is neither a parameter nor a buffer, as it is in no checkpoint, and
            nobody may average it, round it or send it to other processes.
        num_packed_weights: Its number of weights, which ``parameters()`` does not have.
    """

    packed: Packed
    num_packed_weights: int
    plain: type[Plain]  # its class before
    bias: nn.Parameter | None

    @property
    def weight(self) -> Tensor:
        """The matrix unpacked, as the layer had it: some layers and adapters read it themselves."""
        return self.packed.matrix().T if self.plain is Conv1D else self.packed.matrix()

    def forward(self, inputs_NI: Tensor) -> Tensor:
        dtype, device = inputs_NI.dtype, inputs_NI.device.type
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        out_NO = cast(Tensor, _Product.apply(inputs_NI.to(dtype), self.packed))
        return out_NO if self.bias is None else out_NO + self.bias.to(dtype)

    def extra_repr(self) -> str:
        return f"{tuple(self.packed.shape)}, {self.packed.bits}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "PackedLayer":
        super()._apply(fn, recurse)
        self.packed.to(fn(torch.empty(0, device=self.packed.codes.device)).device)
        return self


def pack(layer: Plain, bits: Bits) -> None:
    """Pack the matrix of a layer, which stays the same object, with its hooks and other parts."""
    matrix = layer.weight.detach()
    packed = Packed(matrix.T if isinstance(layer, Conv1D) else matrix, bits)
    plain: Any = type(layer)
    del layer.weight
    layer.__class__ = PackedLayer  # type: ignore[assignment]
    vars(layer).update(packed=packed, plain=plain, num_packed_weights=packed.shape.numel())


def unpack(layer: PackedLayer) -> None:
    """Make a packed layer an ordinary one again, with the values that its codes stand for."""
    weight, plain = layer.weight.contiguous(), layer.plain
    for name in ("packed", "plain", "num_packed_weights"):
        delattr(layer, name)
    layer.__class__ = plain  # type: ignore[assignment]
    layer.weight = nn.Parameter(weight, requires_grad=False)  # type: ignore[misc]
