"""The kernels that are fast on this machine: attention, and products of bf16."""

from typing import Any

import torch


def attn_implementation(auto_class: Any = None, config: Any = None) -> str:
    """Choose transformers' attention: sdpa on a GPU, eager on a CPU.

    On a CPU the backward pass of the fused kernel takes several times as long at the lengths of
    sentences and of the corpus's rows. Families that have no sdpa get eager there too.

    Args:
        auto_class: A class of transformers, such as ``AutoModel``.
        config: The config of the family in question.
    """
    if not torch.cuda.is_available():
        return "eager"
    known = getattr(auto_class, "_model_mapping", None)
    if known is None or type(config) not in known:
        from transformers import AutoModel

        known = AutoModel._model_mapping
    if config is not None and type(config) in known:
        found = known[type(config)]
        made_by = found[0] if isinstance(found, tuple) else found
        if not made_by._supports_sdpa:
            return "eager"
    return "sdpa"


def native_bf16() -> bool:
    """Tell whether this machine multiplies bf16 in hardware rather than by emulation."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16"))


def trainer_precision() -> str:
    """Return the Trainer's precision that suits this machine: bf16 in hardware, or else fp32."""
    return "bf16-mixed" if native_bf16() else "32-true"
