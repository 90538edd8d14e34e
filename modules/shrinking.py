"""A small config of the same architecture, on which a large network can be tried in no time."""

import copy
from typing import Any

_LAYERS = ("num_hidden_layers", "num_decoder_layers", "encoder_layers", "decoder_layers")
_HEADS = ("num_attention_heads", "encoder_attention_heads", "decoder_attention_heads")
_INNER = ("intermediate_size", "encoder_ffn_dim", "decoder_ffn_dim", "d_ff")


def shrunk(config: Any) -> Any:
    """Return a copy with the fewest layers that are of every kind, and with four heads.

    The columns of a head stay, and so does the vocabulary.
    """
    small = copy.deepcopy(config)
    parts = [getattr(small, name, None) for name in small.sub_configs]
    for part in filter(None, [small, *parts]):
        _fewer_layers(part)
        _fewer_heads(part)
    return small


def _fewer_layers(config: Any) -> None:
    for name in _LAYERS:
        if (layers := getattr(config, name, None)) is None:
            continue
        kept = 2
        lists = {n: v for n, v in vars(config).items() if _each_layer(v, layers)}
        for value in lists.values():
            kept = max([kept, *(1 + list(value).index(kind) for kind in set(value))])
        for field, value in lists.items():
            setattr(config, field, value[:kept])
        setattr(config, name, min(layers, kept))


def _each_layer(value: Any, layers: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == layers


def _fewer_heads(config: Any) -> None:
    heads, width = getattr(config, "num_attention_heads", None), getattr(config, "hidden_size", 0)
    if not isinstance(heads, int) or heads <= 4 or width % heads:
        return
    for name in _HEADS:
        if hasattr(config, name):
            setattr(config, name, 4)
    shared = getattr(config, "num_key_value_heads", None)
    if isinstance(shared, int):
        config.num_key_value_heads = 4 if shared == heads else min(shared, 2)
    config.hidden_size = 4 * width // heads
    for name in _INNER:
        if hasattr(config, name):
            setattr(config, name, 2 * config.hidden_size)
