"""Networks and tokenizers given as objects: a copy on disk, which is named like any other."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel

from datamodules.packaged import cache_folder


def folder_of(backbone: Any) -> str:
    """Return the name of a backbone; a network and its tokenizer are written into the cache folder.

    Checkpoints, exports and records then name that folder, and an export copies the weights.

    Args:
        backbone: A name or a folder, or a ``PreTrainedModel`` and its tokenizer.

    Raises:
        ValueError: If it is neither, or transformers would not find the network's class again.
    """
    if isinstance(backbone, str | Path):
        return str(backbone)
    pair = backbone if isinstance(backbone, tuple | list) else (backbone,)
    network, tokenizer = (*pair, None, None)[:2]
    if not isinstance(network, PreTrainedModel):
        raise ValueError(
            f"--model.backbone: a {type(network).__name__}, and not a name, a folder or a "
            f"PreTrainedModel of transformers with its tokenizer, as (network, tokenizer): a copy "
            f"is built from its config"
        )
    if not hasattr(tokenizer, "save_pretrained") or len(pair) != 2:
        raise ValueError(
            f"--model.backbone: a {type(network).__name__} without its tokenizer; give "
            f"backbone=(network, tokenizer)"
        )
    _check_found_again(network)
    rows = getattr(network.get_input_embeddings(), "num_embeddings", len(tokenizer))
    if len(tokenizer) > rows:
        raise ValueError(
            f"--model.backbone: the tokenizer has {len(tokenizer)} tokens, and the network "
            f"embeddings of {rows}; resize them (network.resize_token_embeddings), or give its own "
            f"tokenizer"
        )
    return _written("networks", _digest(network, tokenizer), network, tokenizer)


def names_of(backbone: Any, tokenizer: Any) -> dict[str, Any]:
    """Return the names of ``backbone`` and ``tokenizer``, where either may be an object or None.

    Raises:
        ValueError: As of :func:`folder_of` and :func:`tokenizer_of`.
    """
    name = None if backbone is None else folder_of(backbone)
    return {"backbone": name, "tokenizer": tokenizer_of(tokenizer, name)}


def tokenizer_of(tokenizer: Any, backbone: str | None) -> str:
    """Return the name of a tokenizer: the backbone's if None, and of an object that of a copy.

    Args:
        tokenizer: A name or a folder, a tokenizer of transformers, or None.
        backbone: The name of the backbone; None of a new network.

    Raises:
        ValueError: If there is none, or it is something else.
    """
    if tokenizer is None:
        if backbone is None:
            raise ValueError("--model.tokenizer: missing; a new network needs the corpus's")
        return backbone
    if isinstance(tokenizer, str | Path):
        return str(tokenizer)
    if not (hasattr(tokenizer, "save_pretrained") and hasattr(tokenizer, "get_vocab")):
        raise ValueError(
            f"--model.tokenizer: a {type(tokenizer).__name__}, and not a name, a folder or a "
            f"tokenizer of transformers"
        )
    digest = hashlib.sha256(_spelled(tokenizer).encode()).hexdigest()[:16]
    return _written("tokenizers", digest, tokenizer)


def _check_found_again(network: PreTrainedModel) -> None:
    """Refuse a class of one's own that transformers does not find by the network's config."""
    kind, config = type(network), type(network.config)
    if kind.__module__.startswith("transformers."):
        return
    autos = (getattr(transformers, name) for name in dir(transformers) if "AutoModel" in name)
    maps = [auto._model_mapping for auto in autos if hasattr(auto, "_model_mapping")]
    found = [known[config] for known in maps if config in known]
    if not any(kind is one or (isinstance(one, tuple) and kind in one) for one in found):
        name, auto = config.model_type or kind.__name__.lower(), "AutoModel"
        if network.get_output_embeddings() is not None:
            auto = "AutoModelForMaskedLM (or AutoModelForCausalLM)"
        raise ValueError(
            f"--model.backbone: transformers does not find {kind.__name__} by its config, so that "
            f"a copy of it cannot be loaded: register both under a model_type of their own: "
            f'AutoConfig.register("{name}", {config.__name__}) and '
            f"{auto}.register({config.__name__}, {kind.__name__})"
        )


def _written(kind: str, digest: str, *parts: Any) -> str:
    folder = cache_folder() / kind / digest
    if not folder.is_dir():
        scratch = folder.with_name(f".{folder.name}-{os.getpid()}")
        shutil.rmtree(scratch, ignore_errors=True)
        for part in parts:
            part.save_pretrained(scratch)
        try:
            os.replace(scratch, folder)
        except OSError:  # another process has written it
            shutil.rmtree(scratch, ignore_errors=True)
    return str(folder)


def _spelled(tokenizer: Any) -> str:
    """Return all that tells a tokenizer from another: its rules, its tokens, its special ones."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = backend.to_str() if backend is not None else ""
    special = tokenizer.special_tokens_map, tokenizer.model_max_length, tokenizer.padding_side
    template = getattr(tokenizer, "chat_template", None)
    return repr((type(tokenizer), sorted(tokenizer.get_vocab().items()), special, template, rules))


def _digest(network: PreTrainedModel, tokenizer: Any) -> str:
    found = hashlib.sha256(network.config.to_json_string().encode())
    found.update(_spelled(tokenizer).encode())
    for name, value in network.state_dict().items():
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()[:16]
