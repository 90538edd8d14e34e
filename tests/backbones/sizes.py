"""Sizes of a tiny network of any family, by the names that its config has for them."""

from collections.abc import Iterator
from typing import Any

import transformers

_NAMES: dict[Any, str] = {
    32: "hidden_size d_model n_embd dim emb_dim embed_dim embedding_size word_embed_proj_dim",
    2: "num_hidden_layers num_layers n_layer n_layers encoder_layers decoder_layers "
    "num_decoder_layers num_encoder_layers num_key_value_heads num_experts_per_tok "
    "moe_topk top_k_experts linear_num_key_heads",
    4: "num_attention_heads num_heads n_head n_heads encoder_attention_heads "
    "decoder_attention_heads num_encoder_attention_heads num_decoder_attention_heads "
    "num_local_experts num_experts n_routed_experts moe_num_experts linear_num_value_heads "
    "rotary_dim mamba_dt_rank time_step_rank",
    8: "head_dim d_kv state_size ssm_state_size mamba_d_state mamba_n_heads mamba_d_head "
    "mamba_num_heads mamba_head_dim mamba_chunk_size chunk_size linear_key_head_dim "
    "linear_value_head_dim qk_nope_head_dim v_head_dim qk_rope_head_dim index_head_dim "
    "query_pre_attn_scalar mamba_headdim n_mamba_heads",
    16: "moe_intermediate_size shared_expert_intermediate_size kv_lora_rank q_lora_rank "
    "sliding_window local_attention block_size shared_intermediate_size "
    "moe_shared_expert_intermediate_size hidden_size_per_layer_input",
    64: "intermediate_size encoder_ffn_dim decoder_ffn_dim d_ff n_inner ffn_dim hidden_dim "
    "d_inner dff ffn_hidden_size lru_width d_expert inner_size",
    98: "max_position_embeddings n_positions max_source_positions max_encoder_position_embeddings "
    "max_decoder_position_embeddings",
    0.2: "initializer_range init_std",
    1: "n_group topk_group n_shared_experts first_k_dense_replace mamba_n_groups mamba_ngroups "
    "n_groups",
}
_SIZES = {name: size for size, names in _NAMES.items() for name in names.split()}
_LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")


def sizes(family: str) -> dict[str, Any]:
    """Return the fields of a tiny network's config, with a layer of each kind."""
    return _fields(transformers.AutoConfig.for_model(family))


def _fields(config: Any) -> dict[str, Any]:
    known = {**config.to_dict(), **config.attribute_map}
    found = {name: size for name, size in _SIZES.items() if name in known}
    layers = next((getattr(config, name) for name in _LAYERS if name in known), 0)
    lists = {n: v for n, v in known.items() if isinstance(v, list) and len(v) == layers > 1}
    if lists:
        kept = sorted({v.index(kind) for v in lists.values() for kind in _kinds(v)})
        kept += [kept[-1]] * (2 - len(kept))  # at least two
        found |= {name: [value[place] for place in kept] for name, value in lists.items()}
        found |= dict.fromkeys([name for name in _LAYERS if name in found], len(kept))
    return found | {
        name: _fields(getattr(config, name))
        for name in config.sub_configs
        if getattr(config, name, None) is not None
    }


def _kinds(values: list[Any]) -> Iterator[Any]:
    yield from (value for place, value in enumerate(values) if value not in values[:place])
