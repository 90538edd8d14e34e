"""The conditions of a run on which its metrics depend: objective, task, vocabulary and texts."""

import hashlib
import inspect
import json
from typing import Any

from datamodules.packaged import load_tokenizer
from modules.pretraining.base import PretrainingModule


def meaning(model: Any, data: Any) -> dict[str, str | None]:
    """The conditions by their names in ``common.metrics``, beside those that ``data.facts`` has.

    Args:
        model: The module.
        data: The data module, set up.
    """
    task = getattr(model, "task", None)
    if isinstance(model, PretrainingModule) or task is None:
        objective = kind = _named(type(model), _own_settings(model))
        tokens = True
    else:
        tokens = task.label_kind == "none"
        objective = _named(type(task), task.arguments() if tokens else {})
        kind = task.label_kind
    return {
        "objective": objective,
        "task": kind,
        "tokenizer": _vocabulary(model, data) if tokens else None,
        "text": _text(data),
    }


def _own_settings(model: Any) -> dict[str, Any]:
    """The settings of an objective's own classes, which change what its loss measures."""
    names: list[str] = []
    for kind in type(model).__mro__:
        if kind in (PretrainingModule, object) or not issubclass(kind, PretrainingModule):
            break
        if "__init__" in vars(kind):
            names += inspect.signature(kind).parameters
    return {name: model.hparams[name] for name in dict.fromkeys(names) if name in model.hparams}


def _named(kind: type, settings: dict[str, Any]) -> str:
    """A class and its settings in words; a long one, such as a chat template, by its digest."""
    words = []
    for name, value in settings.items():
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        words.append(f"{name} {shown if len(shown) <= 40 else _digest(shown)[:6]}")
    return " with ".join([kind.__name__, *([", ".join(words)] if words else [])])


def _vocabulary(model: Any, data: Any) -> str | None:
    """A digest of the tokens and their ids; None where no tokenizer is known."""
    known = getattr(model, "tokenizer", None) or getattr(data, "tokenizer", None)
    known = load_tokenizer(known) if isinstance(known, str) else known
    if not hasattr(known, "get_vocab"):
        return None
    return _digest(json.dumps(sorted(known.get_vocab().items())))


def _text(data: Any) -> str | None:
    """A digest of the validation documents of a corpus, whatever tokenizer made its rows."""
    manifest = getattr(data, "manifest", None)
    if not manifest or "inputs" not in manifest:
        return None
    counts = manifest["splits"].get("validation", {})
    return _digest(f"{manifest['inputs']} {counts.get('documents')} {counts.get('bytes')}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
