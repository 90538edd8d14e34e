"""Networks to pre-train, by family and size or by a config file of ``transformers``."""

import json
from pathlib import Path
from typing import Any

import transformers
from transformers import PretrainedConfig, PreTrainedModel

from datamodules.packaged import load_tokenizer, pad_id
from datamodules.spelling import did_you_mean
from modules import backbones, kernels, self_check
from modules.pretraining import initialization, network_checks
from modules.pretraining.network_checks import SIZES

MIN_POSITIONS = 512  # of families that count them

# Each special token, and the one that stands for it where the tokenizer lacks it: BERT's has
# neither bos nor eos, and a decoder's neither cls nor sep.
_SPECIAL = {
    "pad_token": "pad_token",
    "bos_token": "cls_token",
    "eos_token": "sep_token",
    "cls_token": "bos_token",
    "sep_token": "eos_token",
}
_USUAL = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
# The names that each family has for layers, width, heads and inner width.
_FAMILIES: dict[str, tuple[str, str, str, str]] = {
    "modernbert": _USUAL,
    "modernbert-decoder": _USUAL,
    "bert": _USUAL,
    "electra": _USUAL,
    "albert": _USUAL,
    "gpt2": ("n_layer", "n_embd", "n_head", "n_inner"),
    "llama": _USUAL,
    "xlnet": ("n_layer", "d_model", "n_head", "d_inner"),
    "t5": ("num_layers", "d_model", "num_heads", "d_ff"),
}


def network_config(module: Any) -> PretrainedConfig:
    """Make the config of an objective's new network; see :func:`make_config`."""
    settings = module.hparams
    family = settings["family"] or module.default_family
    rest = (module.tokenizer, module.max_positions(), settings["dropout"])
    return make_config(family, settings["size"], *rest)


def make_config(
    family: str, size: str, tokenizer: Any, tokens: int, dropout: float
) -> PretrainedConfig:
    """Make the config of a network to train from scratch.

    Args:
        family: A model type of ``transformers``.
        size: A name of ``SIZES``, or a config file, which then says the family as well.
        tokenizer: The corpus's tokenizer.
        tokens: The number of tokens of the longest row.
        dropout: The rate that replaces all the family's own.

    Raises:
        ValueError: If family or size is unknown.
    """
    if size not in SIZES:
        made = _read_config(size, len(tokenizer))
    elif family not in _FAMILIES:
        hint = did_you_mean(family, _FAMILIES)
        raise ValueError(f"--model.family {family}: there are {', '.join(_FAMILIES)}{hint}")
    else:
        layers, width, heads = SIZES[size]
        numbers = (layers, width, heads, _intermediate_size(family, width))
        named: dict[str, Any] = dict(zip(_FAMILIES[family], numbers, strict=True))
        named |= _family_settings(
            family, layers, width, max(tokens, MIN_POSITIONS), tokenizer.pad_token_id
        )
        ids = _special_ids(tokenizer)
        if family.startswith("modernbert"):  # which has to have them all
            ids = {name: pad_id(tokenizer) if i is None else i for name, i in ids.items()}
        named |= ids | {"vocab_size": len(tokenizer)}
        made = transformers.AutoConfig.for_model(family, **named)
    set_dropout(made, dropout)
    return made


def set_dropout(config: PretrainedConfig, dropout: float) -> None:
    """Set all of a config's dropout rates."""
    backbones.set_dropout(config, dropout, flag="--model.dropout")


def _special_ids(tokenizer: Any) -> dict[str, int | None]:
    """Return the ids of the special tokens, as the config of a network names them."""
    ids = {name: getattr(tokenizer, f"{name}_id", None) for name in _SPECIAL}
    found = {
        name: ids[other] if ids[name] is None else ids[name] for name, other in _SPECIAL.items()
    }
    return {f"{name}_id": number for name, number in found.items()}


def from_config(auto_class: str, config: PretrainedConfig, mimetic: bool) -> PreTrainedModel:
    """Make a network with random weights; see :mod:`modules.pretraining.initialization`.

    Args:
        auto_class: The class of transformers that makes it.
        config: Its config.
        mimetic: Whether its attention begins as the identity.

    Raises:
        ValueError: If the family has no network of this kind.
    """
    auto = getattr(transformers, auto_class)
    if type(config) not in auto._model_mapping:
        kinds = {name: type(transformers.AutoConfig.for_model(name)) for name in _FAMILIES}
        fitting = ", ".join(name for name, kind in kinds.items() if kind in auto._model_mapping)
        raise ValueError(
            f"--model.family {config.model_type}: transformers has no {auto_class} of this family; "
            f"there are {fitting}"
        )
    attention = kernels.attn_implementation(auto, config)
    made = auto.from_config(config, attn_implementation=attention)
    initialization.scale_embeddings(made)
    return initialization.mimetic_init(made) if mimetic else made


def origin(module: Any) -> str:
    """Return where an objective's network comes from, in words."""
    new = f"a new {module.model.config.model_type} ({module.hparams['size']})"
    return module.hparams["backbone"] or new


def build(module: Any) -> PreTrainedModel:
    """Make an objective's new network, or load the one to continue the pre-training of.

    Raises:
        ValueError: If the family has no such network, or one that is loaded has too few positions,
            is no language model, or is to get other embeddings.
    """
    settings = module.hparams
    if (backbone := settings["backbone"]) is None:
        return from_config(module.auto_class, network_config(module), settings["mimetic"])
    if settings["cooccurrence"]:
        raise ValueError(f"--model.cooccurrence: {backbone} has embeddings; set it to false")
    auto = getattr(transformers, module.auto_class)
    model = backbones.load_backbone(auto, backbone, settings["dropout"])
    network_checks.check_language_model(model, backbone)
    most = load_tokenizer(backbone).model_max_length
    network_checks.check_positions(model, module.max_positions(), most)
    return model


def _intermediate_size(family: str, width: int) -> int:
    """Return the inner width of a feed-forward block, in columns.

    Gated layers have three matrices: at two thirds of the width they have as many weights, or
    nearly, for products are faster by a tenth where each row begins at a multiple of 16 columns.
    """
    if "modernbert" not in family and family != "llama":
        return 4 * width
    return 16 * max(1, round(8 * width / 3 / 16))


def _family_settings(
    family: str, layers: int, width: int, positions: int, padding: int | None
) -> dict[str, Any]:
    """Return what replaces a family's own defaults where they are made for another size."""
    if family.startswith("modernbert"):
        # Masked tokens teach the first token nothing: a classifier reads the mean of all.
        pooling = {"classifier_pooling": "mean"} if family == "modernbert" else {}
        # Its windows, of use in long texts, would only hide the context of a small network's rows.
        return {
            "layer_types": ["full_attention"] * layers,
            "max_position_embeddings": positions,
            **pooling,
        }
    if family in ("electra", "albert"):
        # ALBERT's shared layers are about size, not about its objective: here each has its own.
        groups = {"num_hidden_groups": layers} if family == "albert" else {}
        return {"embedding_size": width, "max_position_embeddings": positions, **groups}
    if family == "llama":
        return {"max_position_embeddings": positions, "tie_word_embeddings": True}
    rest: dict[str, dict[str, Any]] = {
        "gpt2": {"n_positions": positions},
        "bert": {"max_position_embeddings": positions},
        "t5": {"num_decoder_layers": layers, "decoder_start_token_id": padding},
    }
    return rest.get(family, {})


def _read_config(size: str, vocabulary: int) -> PretrainedConfig:
    path = Path(size).expanduser()
    if not path.is_file():
        hint = did_you_mean(size, SIZES)
        raise ValueError(f"--model.size {size}: neither {', '.join(SIZES)} nor a config.json{hint}")
    try:
        json.loads(path.read_text(encoding="utf-8"))["model_type"]
        made = transformers.AutoConfig.from_pretrained(path)
    except Exception as error:  # of whatever type a family's config raises
        reason = self_check.one_line(error)
        raise ValueError(f"--model.size {size}: no config of transformers ({reason})") from error
    if made.vocab_size < vocabulary:
        raise ValueError(
            f"--model.size {size}: its vocab_size is {made.vocab_size}, and the corpus's tokenizer "
            f"has {vocabulary} tokens"
        )
    return made
