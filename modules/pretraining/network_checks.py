"""Networks that an objective cannot take, refused in one line."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
import transformers
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from datamodules.packaged import load_tokenizer
from modules import backbones, causal_checks, output_layer, self_check
from modules.causal_checks import probe_rows, probing
from modules.pretraining import low_rank

Size = Literal["tiny", "mini", "small", "base"]

# Layers, width and heads of 64 columns, named as by Turc et al. (2019, arXiv:1908.08962).
SIZES: dict[Size, tuple[int, int, int]] = {
    "tiny": (2, 128, 2),
    "mini": (4, 256, 4),
    "small": (4, 512, 8),
    "base": (12, 768, 12),
}


def build(module: Any) -> PreTrainedModel:
    """Build an objective's network, and check it.

    Raises:
        ValueError: If the tokenizer lacks a token, or the network does not fit.
    """
    require_tokens(module.tokenizer, module.required_tokens, type(module).__name__)
    if backbone := module.hparams["backbone"]:
        check_vocabulary(module.tokenizer, backbone)
    with named_errors(module.hparams):
        model = module.build()
        check_positions(model, module.max_positions())
        known = getattr(transformers, module.auto_class)._model_mapping
        if type(model) is known.get(type(model.config), None):
            flag = network_flag(module.hparams, model.config)
            output_layer.check_output_layer(model, flag)
            if causal_checks.reads_each_token_alone(model):
                raise ValueError(f"{flag}: {model.config.model_type} {causal_checks.ALONE}")
        output_layer.selection(model)  # so that no later step has to find it out
        low_rank.add(module, model)
    return model.train()


def check_language_model(model: PreTrainedModel, backbone: str) -> None:
    """Refuse a network of one's own class that is no language model for transformers.

    Args:
        model: The network; the classes of transformers pass.
        backbone: The name of the backbone.

    Raises:
        ValueError: If it hides its embeddings or its output layer, or returns no logits.
    """
    kind, flag = type(model), f"--model.backbone {backbone}"
    if kind.__module__.startswith("transformers."):
        return
    for method in ("get_input_embeddings", "get_output_embeddings"):
        try:
            found = getattr(model, method)()
        except Exception:  # transformers looks for attributes by usual names
            found = None
        if not isinstance(found, nn.Module):
            raise ValueError(f"{flag}: {kind.__name__}.{method}() returns no layer; override it")
    try:
        inputs: dict[str, Any] = {"input_ids": probe_rows(model, 2, 4)}
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        if model.config.is_encoder_decoder:
            inputs["decoder_input_ids"] = inputs["input_ids"]
        with probing(model):
            logits_BTV = model(**inputs).logits
        fault = "" if logits_BTV.shape[:2] == (2, 4) else f"has shape {tuple(logits_BTV.shape)}"
    except Exception as error:  # of whatever type one's own code raises
        fault = self_check.one_line(error)
    if fault:
        raise ValueError(
            f"{flag}: {kind.__name__} does not return logits of shape (rows, tokens, vocabulary) "
            f"for input_ids and attention_mask ({fault})"
        )


@contextlib.contextmanager
def named_errors(hparams: Mapping[str, Any]) -> Iterator[None]:
    """Name the flag of the network in what transformers raises: not every config makes one.

    Raises:
        ValueError: In the place of an error of a library.
    """
    try:
        yield
    except Exception as error:
        own = isinstance(error, ValueError) and str(error).startswith("--")
        if own or not self_check.from_library(error):
            raise
        reason = self_check.one_line(error)
        raise ValueError(f"{network_flag(hparams)}: transformers refuses it ({reason})") from error


def network_flag(hparams: Mapping[str, Any], config: PretrainedConfig | None = None) -> str:
    """Return the flag that a network is of, with its value; ``config`` is the network's."""
    if backbone := hparams["backbone"]:
        return f"--model.backbone {backbone}"
    if config is None and hparams["size"] not in SIZES:
        return f"--model.size {hparams['size']}"
    family = config.model_type if config is not None else hparams["family"]
    return f"--model.family {family}"


def is_tokenizer_of(backbone: str, tokenizer: Any) -> bool:
    """Tell whether a corpus's tokens have the same ids in a network's own tokenizer."""
    return tokenizer.get_vocab().items() <= load_tokenizer(backbone).get_vocab().items()


def check_vocabulary(tokenizer: Any, backbone: str) -> None:
    """Refuse a network for whose tokenizer the corpus's ids have another meaning, or none.

    Raises:
        ValueError: If the corpus was made with another tokenizer.
    """
    if not is_tokenizer_of(backbone, tokenizer):
        raise ValueError(
            f"--model.backbone {backbone}: the corpus was made with another tokenizer; make it "
            f"with --tokenizer {backbone}"
        )


def check_positions(model: PreTrainedModel, tokens: int, most: int | None = None) -> None:
    """Refuse a network with fewer positions than the longest row has tokens.

    Args:
        model: The network.
        tokens: The number of tokens of the longest row.
        most: The most tokens that the network's tokenizer allows.

    Raises:
        ValueError: If there are too few.
    """
    room = min(backbones.context_length(model) or tokens, most or tokens)
    if tokens > room:
        raise ValueError(
            f"--data.row_tokens: with the objective's own tokens a row has up to {tokens}, and the "
            f"network has {room} positions; {tokens - room} fewer fit"
        )


def require_tokens(tokenizer: Any, names: tuple[str, ...], objective: str) -> None:
    """Refuse a tokenizer without the special tokens that an objective needs.

    Raises:
        ValueError: If one is missing; the message names the first.
    """
    for name in names:
        if getattr(tokenizer, f"{name}_id") is None:
            raise ValueError(f"--model {objective}: the tokenizer has no {name}")
