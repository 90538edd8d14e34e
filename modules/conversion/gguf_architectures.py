"""The networks that GGUF and transformers both know: their fields, and the order of their weights.

Rows of q and k: transformers turns the first half of a head's columns against the second, and
llama.cpp's Llama neighbours against each other (GGUF's ``attn_q`` and ``attn_k`` of that family).
"""

from collections.abc import Iterator
from typing import Any

import gguf
import numpy as np
import torch

# By the model type of transformers. Mistral is a Llama to llama.cpp.
_ARCHITECTURES = {
    "gpt2": gguf.MODEL_ARCH.GPT2,
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}
# What these files say, and transformers' reader of GGUF does not read.
UNREAD = ("attention_bias", "head_dim", "mlp_bias", "n_positions", "rope_parameters")
_ROPES = ("default", "llama3")


def obstacle(config: Any) -> str:
    """Return the reason for which a network has no place in GGUF; empty if it has one."""
    if config.model_type not in _ARCHITECTURES:
        return f"GGUF is written for {', '.join(_ARCHITECTURES)}, and this is {config.model_type}"
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    # Only the Llama family of llama.cpp reads the frequencies from a tensor.
    known = _ROPES if _is_llama(config) else _ROPES[:1]
    if rope not in known:
        return f"its positions are scaled by {rope}, and GGUF is written for {', '.join(known)}"
    return ""


def architecture(config: Any) -> Any:
    """Return the member of ``gguf.MODEL_ARCH``."""
    return _ARCHITECTURES[config.model_type]


def add_fields(writer: Any, config: Any) -> None:
    """Write the sizes and constants of a network."""
    heads = config.num_attention_heads
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(context_length(config))
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_head_count(heads)
    if config.model_type == "gpt2":
        writer.add_feed_forward_length(config.n_inner or 4 * config.hidden_size)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    columns = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_rope_dimension_count(columns)
    writer.add_key_length(columns)
    writer.add_value_length(columns)


def context_length(config: Any) -> int:
    """Return the most tokens that the file allows: up to a window, attention that slides is full."""
    window = getattr(config, "sliding_window", None)
    slides = "sliding_attention" in (getattr(config, "layer_types", None) or ["sliding_attention"])
    positions = config.max_position_embeddings
    return min(positions, window) if window and slides else positions


def tensors(model: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name in GGUF and the values, in fp32, of each weight.

    Raises:
        ValueError: If GGUF has no name for one.
    """
    config = model.config
    names = gguf.get_tensor_name_map(architecture(config), config.num_hidden_layers)
    output = model.get_output_embeddings()
    tied = output.weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()
    for name, weight in model.state_dict().items():
        if tied and weight.data_ptr() == output.weight.data_ptr() and name.startswith("lm_head"):
            continue
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise ValueError(f"GGUF's {config.model_type} has no place for {name}")
        values = weight.detach().float().cpu().numpy()
        if config.model_type == "gpt2" and values.ndim == 2 and ".h." in name:
            values = values.T  # Conv1D's matrices lie on their side
        elif _is_llama(config) and "attn_q" in found:
            values = _neighbours(values, config.num_attention_heads)
        elif _is_llama(config) and "attn_k" in found:
            values = _neighbours(values, config.num_key_value_heads)
        yield found, np.ascontiguousarray(values)
    if factors := _frequency_factors(model):
        yield "rope_freqs.weight", factors[0]


def _is_llama(config: Any) -> bool:
    return _ARCHITECTURES[config.model_type] is gguf.MODEL_ARCH.LLAMA


def _neighbours(values: np.ndarray, heads: int) -> np.ndarray:
    """Put the rows that turn against each other side by side, in each head."""
    halves = values.reshape(heads, 2, -1, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def _frequency_factors(model: Any) -> list[np.ndarray]:
    """Return the divisors of the frequencies of positions, where they are scaled; else nothing."""
    config = model.config
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type", "default") == "default":
        return []
    scaled = model.base_model.rotary_emb.inv_freq.float()
    exponents = torch.arange(len(scaled)) / len(scaled)
    return [(rope["rope_theta"] ** -exponents / scaled.cpu()).float().numpy()]
