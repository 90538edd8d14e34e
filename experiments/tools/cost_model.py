"""Estimates FLOPs, memory and time of pre-training from the network's shape alone."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

# Dense bf16 peaks are those of callbacks.mfu; memory in GB is that of the data sheets.
MEMORY = {
    "B200": 180,
    "H200": 141,
    "H100": 80,
    "A100": 80,
    "L40S": 48,
    "L4": 24,
    "A10": 24,
    "RTX 4090": 24,
    "RTX 3090": 24,
}
NAMES = {device.lower().replace(" ", ""): device for device in MEMORY}  # as one types them
USABLE = 0.92  # of the memory; the rest holds context, communication and fragments
STATES = 16  # bytes per parameter: fp32 weight, gradient and AdamW's two averages
COPIES = 2  # bytes per parameter: the bf16 copies that autocast makes of the weights
CHUNK = 6 << 28  # bytes: scores of one chunk of the vocabulary, in fp32 and in bf16


@dataclass(frozen=True)
class Network:
    """The counts of a network, from a run on tensors without data.

    Attributes:
        parameters: All parameters, with tied ones counted once.
        trunk_flops: FLOPs of the layers per token, forward and backward.
        head_flops: FLOPs of the vocabulary's scores per scored token, forward and backward.
        saved_bytes: Bytes per token that the forward pass keeps for the backward pass.
    """

    parameters: int
    trunk_flops: float
    head_flops: float
    saved_bytes: float

    def flops(self, scored: float = 1.0) -> float:
        """FLOPs per token if this share of the tokens is scored, such as the masked ones."""
        return self.trunk_flops + scored * self.head_flops


def count(config: Any, row_tokens: int) -> Network:
    """Counts one row, forward and backward, on tensors without data under bf16 autocast.

    FLOPs are those of matrix products, with attention, as torch counts them: the measure of MFU
    (Chowdhery et al. 2022, appendix B). A second run counts the saved bytes, with fused attention
    if the architecture has it, as on a GPU. The fused CPU kernel, which torch takes here, has no
    count of FLOPs.
    """
    parameters, flops, saved = _run(config, row_tokens, "eager")
    with suppress(ValueError):  # not every architecture has it
        _, _, saved = _run(config, row_tokens, "sdpa")
    head = 6.0 * config.vocab_size * config.hidden_size
    return Network(parameters, flops / row_tokens, head, saved / row_tokens)


def _run(config: Any, row_tokens: int, attention: str) -> tuple[int, int, int]:
    """The parameters, FLOPs, and bytes kept for the backward pass of one row."""
    import torch
    import transformers
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.autograd.graph import saved_tensors_hooks
    from torch.utils.flop_counter import FlopCounterMode
    from transformers.initialization import no_init_weights

    saved: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        saved.setdefault(tensor.untyped_storage()._cdata, tensor)  # kept, so that no id comes twice
        return tensor

    with FakeTensorMode():
        with no_init_weights():
            model = transformers.AutoModel.from_config(config, attn_implementation=attention)
        own = {p.untyped_storage()._cdata for p in model.parameters()}
        ids = torch.zeros(1, row_tokens, dtype=torch.long)
        inputs = {"input_ids": ids}
        if config.is_encoder_decoder:
            inputs["decoder_input_ids"] = ids
        with (
            FlopCounterMode(display=False) as counter,
            torch.autocast("cpu", torch.bfloat16),
            saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            model.train()(**inputs).last_hidden_state.float().sum().backward()
        held = sum(t.untyped_storage().nbytes() for key, t in saved.items() if key not in own)
        return sum(p.numel() for p in model.parameters()), counter.get_total_flops(), held


def fixed_bytes(network: Network, devices: int, sharded: bool) -> float:
    """Bytes on a device for any batch: states, bf16 copies, and one chunk of scores."""
    states = STATES * network.parameters / (devices if sharded else 1)
    return states + COPIES * network.parameters + CHUNK


def rows_that_fit(network: Network, memory: float, fixed: float, row_tokens: int) -> int:
    """The rows per device and step that fit; 0 if not even the states fit."""
    return max(0, int((USABLE * memory - fixed) // (network.saved_bytes * row_tokens)))


def hours(flops_per_token: float, tokens: float, peak: float, mfu: float, devices: int) -> float:
    """The hours of a run on all devices; ``peak`` is one device's FLOP/s."""
    return flops_per_token * tokens / (peak * mfu * devices) / 3600
