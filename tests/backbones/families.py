"""Tiny random networks of many families, with a tokenizer of each family's kind.

The families are a sample: nothing in the library may know one of them by its name.
"""

from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

from tests.conftest import BAD, GOOD

ENCODER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 96,
    "initializer_range": 0.2,
}
DECODER = {**ENCODER, "num_key_value_heads": 2, "head_dim": 8}
_D_MODEL = {"d_model": 32, "initializer_range": 0.2, "dropout": 0.1}
_BART = {
    **_D_MODEL,
    "init_std": 0.2,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 96,
}
_T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
_EXPERTS = {"num_local_experts": 4, "num_experts": 4, "num_experts_per_tok": 2}
_HYBRID = {"layer_types": ["linear_attention", "full_attention"]}
_LINEAR = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_conv_kernel_dim": 4,
}

# Model type, tokenizer and sizes.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("cls", ENCODER),
    "roberta": ("cls", {**ENCODER, "max_position_embeddings": 98, "type_vocab_size": 1}),
    "xlm-roberta": ("cls", {**ENCODER, "max_position_embeddings": 98, "type_vocab_size": 1}),
    "camembert": ("cls", {**ENCODER, "max_position_embeddings": 98, "type_vocab_size": 1}),
    "distilbert": ("cls", {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}),
    "albert": ("cls", {**ENCODER, "embedding_size": 16}),
    "electra": ("cls", {**ENCODER, "embedding_size": 16}),
    "deberta": ("cls", {**ENCODER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]}),
    "deberta-v2": ("cls", {**ENCODER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]}),
    "mpnet": ("cls", ENCODER),
    "modernbert": ("cls", {**ENCODER, "global_attn_every_n_layers": 2, "local_attention": 16}),
    "longformer": ("cls", {**ENCODER, "attention_window": [16, 16]}),
    "big_bird": ("cls", {**ENCODER, "block_size": 16}),
    "xlnet": ("xlnet", {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64}),
    "fnet": ("cls", ENCODER),
    "eurobert": ("cls", DECODER),
    "roformer": ("cls", {**ENCODER, "embedding_size": 32}),
    "nomic_bert": ("cls", ENCODER),
    "t5": ("eos", _T5),
    "mt5": ("eos", _T5),
    "umt5": ("eos", _T5),
    "bart": ("cls", _BART),
    "mbart": ("cls", _BART),
    "gpt2": ("bare", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96}),
    "gpt_neox": ("bare", ENCODER),
    "gpt_neo": (
        "bare",
        {
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "max_position_embeddings": 96,
        },
    ),
    "gptj": ("bare", {"n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4}),
    "opt": ("bare", {**ENCODER, "ffn_dim": 64, "word_embed_proj_dim": 32, "init_std": 0.2}),
    "bloom": ("bare", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "falcon": ("bare", {**ENCODER, "new_decoder_architecture": True, "num_kv_heads": 2}),
    "llama": ("bare", DECODER),
    "mistral": ("left", {**DECODER, "sliding_window": 16}),
    "qwen2": ("bare", DECODER),
    "qwen3": ("bare", DECODER),
    "qwen3_next": (
        "bare",
        {
            **DECODER,
            **_EXPERTS,
            **_HYBRID,
            **_LINEAR,
            "moe_intermediate_size": 32,
            "shared_expert_intermediate_size": 32,
        },
    ),
    "gemma": ("left", DECODER),
    "gemma2": ("left", {**DECODER, "sliding_window": 16, "query_pre_attn_scalar": 8}),
    "gemma3_text": ("left", {**DECODER, "sliding_window": 16, "query_pre_attn_scalar": 8}),
    "gemma3": (
        "left",
        {
            "text_config": {**DECODER, "sliding_window": 16, "query_pre_attn_scalar": 8},
            "vision_config": {
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "intermediate_size": 64,
                "image_size": 28,
                "patch_size": 14,
            },
            "mm_tokens_per_image": 4,
        },
    ),
    "phi": ("bare", {**ENCODER, "partial_rotary_factor": 0.5}),
    "phi3": ("bare", {**DECODER, "pad_token_id": 0}),
    "stablelm": ("bare", DECODER),
    "olmo2": ("bare", DECODER),
    "granite": ("bare", DECODER),
    "mamba": ("bare", {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}),
    "mamba2": (
        "bare",
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "state_size": 8,
            "num_heads": 8,
            "head_dim": 8,
            "n_groups": 2,
            "chunk_size": 8,
        },
    ),
    "lfm2": ("bare", {**DECODER, "layer_types": ["conv", "full_attention"]}),
    "mixtral": ("bare", {**DECODER, **_EXPERTS}),
    "qwen2_moe": (
        "bare",
        {**DECODER, **_EXPERTS, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32},
    ),
    "gpt_oss": ("bare", {**DECODER, **_EXPERTS, "sliding_window": 16}),
    "cohere": ("bare", DECODER),
    "smollm3": ("bare", DECODER),
    "nemotron": ("bare", DECODER),
    "starcoder2": ("bare", DECODER),
}
# Ten for the suite: one of each kind.
FEW = "xlm-roberta distilbert albert xlnet t5 opt gemma2 mistral mamba mixtral".split()

_AUTO = (
    "AutoModelForMaskedLM",
    "AutoModelForCausalLM",
    "AutoModelForSeq2SeqLM",
    "AutoModelForImageTextToText",
    "AutoModel",
)


def make(family: str, folder: Path) -> str:
    """Write a tiny random network of a family, as it would be published, and return its folder.

    Args:
        family: A key of ``FAMILIES``.
        folder: Where its folder is made.
    """
    kind, sizes = FAMILIES[family]
    place = folder / family
    size = 16 + save_tokenizer(place, kind)  # some families' tokenizers add tokens of their own
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    common = {"vocab_size": size, **ids, "decoder_start_token_id": 1, **sizes}
    if "text_config" in sizes:
        common["text_config"] = {**sizes["text_config"], "vocab_size": size, **ids}
    config = transformers.AutoConfig.for_model(family, **common)
    torch.manual_seed(1)
    for name in _AUTO:
        auto: Any = getattr(transformers, name)
        if type(config) in auto._model_mapping:
            auto.from_config(config).save_pretrained(place)
            return str(place)
    raise KeyError(family)


def save_tokenizer(folder: Path, kind: str) -> int:
    """Write a tokenizer of bytes, and return its size.

    Args:
        folder: Where to.
        kind: cls puts <s> before a text and </s> behind it, xlnet both behind it and padding
            before it, eos </s> behind it, left <s> before it and padding before that, bare
            nothing.
    """
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer: Any = tokenizers.trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(GOOD + BAD, trainer)
    around = {
        "cls": ("<s> $A </s>", "<s> $A </s> $B </s>"),
        "xlnet": ("$A </s> <s>", "$A </s> $B </s> <s>"),
        "eos": ("$A </s>", "$A </s> $B </s>"),
        "left": ("<s> $A", "<s> $A $B"),
    }
    if kind in around:
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single=around[kind][0],
            pair=around[kind][1],
            special_tokens=[(name, special.index(name)) for name in ("<s>", "</s>")],
        )
    names: dict[str, Any] = {"eos_token": "</s>"}
    if kind != "bare":
        names |= {"bos_token": "<s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    if kind in ("cls", "xlnet"):
        names |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        padding_side="left" if kind in ("left", "xlnet") else "right",
        model_input_names=["input_ids", "attention_mask"],
        **names,
    ).save_pretrained(folder)
    return tokenizer.get_vocab_size()
