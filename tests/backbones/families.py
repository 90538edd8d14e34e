"""Tiny random networks of many families, with a tokenizer of each family's kind.

The families are a sample: nothing in the library may know one of them by its name.
"""

from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

from tests.backbones.sizes import sizes
from tests.conftest import BAD, GOOD

# What differs from the usual sizes, and the kind of tokenizer where the usual one of a decoder
# (bare), an encoder (cls) or an encoder-decoder (eos) would not do.
_MAMBA = {"num_heads": 8, "n_groups": 2}
_ROBERTA = {"type_vocab_size": 1}
_RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
_BART = {"kind": "cls", "dropout": 0.1}
_EXPERTS = {"num_local_experts": 4, "num_experts": 4, "num_experts_per_tok": 2}
_LATENT = {"num_key_value_heads": 4, "qk_rope_head_dim": 4, "head_dim": 4, "num_hidden_layers": 2}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "distilbert": {},
    "albert": {"embedding_size": 16},
    "electra": {"embedding_size": 16},
    "deberta": _RELATIVE,
    "deberta-v2": _RELATIVE,
    "mpnet": {},
    "modernbert": {"global_attn_every_n_layers": 2},
    "longformer": {"attention_window": [16, 16]},
    "big_bird": {},
    "xlnet": {"kind": "xlnet"},
    "fnet": {},
    "luke": {"entity_vocab_size": 16, "entity_emb_size": 16},
    "eurobert": {},
    "roformer": {},
    "nomic_bert": {},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
    "perceiver": {"d_latents": 32, "num_latents": 8, "num_self_attends_per_block": 2},
    "convbert": {},
    "funnel": {"block_sizes": [1, 1], "d_head": 8},
    "mobilebert": {"intra_bottleneck_size": 32, "true_hidden_size": 32},
    "t5": {},
    "mt5": {},
    "umt5": {},
    "longt5": {},
    "switch_transformers": {"num_sparse_encoder_layers": 1, "num_sparse_decoder_layers": 1},
    "bart": _BART,
    "mbart": _BART,
    "pegasus": {},
    "m2m_100": _BART,
    "marian": {},
    "led": {"kind": "cls", "attention_window": [16, 16]},
    "prophetnet": {"kind": "cls"},
    "plbart": _BART,
    "blenderbot": {},
    "fsmt": {"langs": ["en", "de"]},
    "nllb-moe": {"kind": "cls", "encoder_sparse_step": 2, "decoder_sparse_step": 2},
    "gpt2": {},
    "gpt_neox": {},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "gptj": {},
    "codegen": {},
    "opt": {},
    "xglm": {"kind": "eos"},
    "biogpt": {},
    "bloom": {},
    "mpt": {},
    "falcon": {"new_decoder_architecture": True, "num_kv_heads": 2},
    "llama": {},
    "mistral": {"kind": "left"},
    "qwen2": {},
    "qwen3": {},
    "qwen3_next": {"layer_types": ["linear_attention", "full_attention"]},
    "qwen3_5_text": {"layer_types": ["linear_attention", "full_attention"]},
    "gemma": {"kind": "left"},
    "gemma2": {"kind": "left"},
    "gemma3_text": {"kind": "left"},
    "gemma3": {"kind": "left", "mm_tokens_per_image": 4},
    "phi": {"partial_rotary_factor": 0.5},
    "phi3": {"pad_token_id": 0},
    "stablelm": {},
    "olmo2": {},
    "olmo3": {},
    "granite": {},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"], "num_hidden_layers": 2},
    "mamba": {},
    "mamba2": _MAMBA,
    "falcon_mamba": {},
    "zamba2": {
        "layers_block_type": ["mamba", "hybrid"],
        "num_mem_blocks": 1,
        "attention_hidden_size": 64,
        "attention_head_dim": 16,
        "num_hidden_layers": 2,
    },
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "num_hidden_layers": 2},
    "bamba": {"attn_layer_indices": [1], "num_hidden_layers": 2},
    "falcon_h1": {"mamba_d_ssm": 64},
    "recurrent_gemma": {
        "block_types": ["recurrent", "attention"],
        "num_hidden_layers": 2,
        "lru_width": 32,
    },
    "rwkv": {},
    "lfm2": {"layer_types": ["conv", "full_attention"], "num_hidden_layers": 2},
    "mixtral": _EXPERTS,
    "qwen2_moe": _EXPERTS,
    "qwen3_moe": _EXPERTS,
    "gpt_oss": _EXPERTS,
    "deepseek_v2": _LATENT,
    "deepseek_v3": _LATENT,
    "cohere": {},
    "cohere2": {},
    "glm4": {},
    "ernie4_5": {},
    "exaone4": {},
    "smollm3": {},
    "nemotron": {},
    "starcoder2": {},
}
# Those of the page: one or two of each kind.
SHOWN = (
    "bert roberta xlm-roberta distilbert albert deberta-v2 modernbert longformer xlnet fnet "
    "eurobert nomic_bert xmod perceiver convbert t5 bart m2m_100 marian switch_transformers "
    "prophetnet gpt2 opt mpt falcon llama mistral qwen3 gemma2 gemma3 phi3 olmo3 granite smollm3 "
    "cohere2 mixtral qwen2_moe gpt_oss deepseek_v3 qwen3_next qwen3_5_text mamba zamba2 "
    "granitemoehybrid jamba falcon_h1 recurrent_gemma lfm2"
).split()
# Ten for the suite: one of each kind.
FEW = "xlm-roberta distilbert albert xlnet t5 opt gemma2 mistral mamba mixtral".split()

_AUTO = {
    "AutoModelForMaskedLM": "cls",
    "AutoModelForCausalLM": "bare",
    "AutoModelForSeq2SeqLM": "eos",
    "AutoModelForImageTextToText": "bare",
    "AutoModel": "cls",
}


def make(family: str, folder: Path) -> str:
    """Write a tiny random network of a family, as it would be published, and return its folder.

    Args:
        family: A model type of transformers; one that is no key of ``FAMILIES`` has usual sizes.
        folder: Where its folder is made.
    """
    own = dict(FAMILIES.get(family, {}))
    kind, place = own.pop("kind", None), folder / family
    fields = sizes(family) | own
    names = [n for n in _AUTO if _knows(n, family)]
    if "AutoModelForSeq2SeqLM" in names and "MaskedLM" not in names[0]:
        names.sort(key="AutoModelForSeq2SeqLM".__ne__)
    # Some families' tokenizers add tokens of their own.
    known = transformers.CONFIG_MAPPING[family]().to_dict()
    ids = {"vocab_size": 16 + save_tokenizer(place, kind or _AUTO[names[0]])}
    ids |= {n: ids["vocab_size"] for n in ("src_vocab_size", "tgt_vocab_size") if n in known}
    ids |= {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    for part in ("text_config", "encoder", "decoder"):
        if part in fields:
            fields[part] = ids | fields[part]
    config = transformers.AutoConfig.for_model(
        family, **{"decoder_start_token_id": 1, **ids, **fields}
    )
    torch.manual_seed(1)
    getattr(transformers, names[0]).from_config(config).save_pretrained(place)
    return str(place)


def _knows(auto: str, family: str) -> bool:
    return transformers.CONFIG_MAPPING[family] in getattr(transformers, auto)._model_mapping


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
