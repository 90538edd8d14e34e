"""Whether data were tokenised for the module's model, and whether a batch has what it reads."""

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from datamodules.packaged import load_tokenizer
from modules import label_checks

_ASIDE = "datamodules/batches.py describes the batches"


def check_datamodule(module: Any) -> None:
    """Refuse a run's data module with other labels than the task's, or of another tokenizer.

    Raises:
        ValueError: If it does not fit.
    """
    if (data := module.datamodule) is not None:
        check_tokenizer(module, data)
        if task := getattr(module, "task", None):
            label_checks.check_data(task, data)


def check_loaded(module: Any, batch: Any, batch_idx: int) -> None:
    """Refuse a loader's batch that the module cannot read; entries and tokens are the first's.

    On a GPU, which would wait, the labels of the first batch alone are looked at.

    Raises:
        ValueError: If it does not fit, or the task has no output for a label.
    """
    task = getattr(module, "task", None)
    if not batch_idx:
        check_batch(module, batch, task or module)
    if task and (module.device.type == "cpu" or not batch_idx):
        label_checks.check_batch(task, batch)


def check_tokenizer(module: Any, data: Any) -> None:
    """Refuse a data module whose rows were tokenised for another model than the module's.

    A data module that does not tell its ``tokenizer``, by name or as an object, passes.

    Raises:
        ValueError: If the two tokenizers give other ids.
    """
    theirs, ours = getattr(data, "tokenizer", None), getattr(module, "tokenizer", module.origin)
    known = module.hparams.get("tokenizer", ours)
    if theirs is None or not (isinstance(theirs, str) or hasattr(theirs, "get_vocab")):
        return
    if isinstance(theirs, str) and theirs == known:
        return
    one, other = (load_tokenizer(t) if isinstance(t, str) else t for t in (ours, theirs))
    if one.get_vocab() != other.get_vocab():
        named = theirs if isinstance(theirs, str) else other.name_or_path or type(other).__name__
        raise ValueError(
            f"--data.tokenizer {named}: the rows were tokenised for another model than the "
            f"module's, {known}; give that one"
        )


def check_batch(module: Any, batch: Any, reader: Any) -> None:
    """Refuse a batch without the entries that the module reads, or with ids of other models.

    Args:
        module: The module.
        batch: The batch.
        reader: The module's task, or the module where it has none; it names its ``batch_keys``.

    Raises:
        ValueError: If it is no mapping, lacks an entry, holds tokens in another form than the
            module reads, or a token id is out of the vocabulary.
    """
    keys, name = reader.batch_keys, type(reader).__name__
    if not isinstance(batch, Mapping):
        raise ValueError(
            f"a batch is a {type(batch).__name__} and has to be a mapping with "
            f"{', '.join(keys)}; {_ASIDE}"
        )
    if lacking := [key for key in keys if key not in batch]:
        raise ValueError(
            f"a batch lacks {' and '.join(lacking)}, which {name} reads: it has "
            f"{', '.join(map(str, batch))}; {_ASIDE}"
        )
    _check_tokens({key: batch[key] for key in ("input_ids", "attention_mask") if key in keys})
    ids, embeddings = batch.get("input_ids"), None
    with contextlib.suppress(AttributeError, NotImplementedError):  # a network of one's own
        embeddings = module.model.get_input_embeddings()
    if isinstance(ids, Tensor) and ids.numel():
        size = getattr(embeddings, "num_embeddings", None)
        worst = int(ids.min() if ids.min() < 0 else ids.max())
        if size is not None and not 0 <= worst < size:
            raise ValueError(
                f"a batch has the token id {worst}, and the vocabulary of the module's model has "
                f"{size} entries: the rows were tokenised for another model"
            )


def _check_tokens(found: Mapping[str, Any]) -> None:
    """Refuse token ids or a mask that are no tensors of rows, or of different shapes."""
    for name, value in found.items():
        if not isinstance(value, Tensor) or value.ndim != 2:
            shape = f"has shape {tuple(value.shape)}" if isinstance(value, Tensor) else ""
            raise ValueError(
                f"a batch's {name} {shape or f'is a {type(value).__name__}'} and has to be a "
                f"tensor of shape (rows, tokens); {_ASIDE}"
            )
        if name == "input_ids" and (value.is_floating_point() or value.dtype == torch.bool):
            kind = str(value.dtype).removeprefix("torch.")
            raise ValueError(f"a batch's input_ids are {kind} and have to be int64; {_ASIDE}")
    shapes = [tuple(value.shape) for value in found.values()]
    if len({*shapes}) > 1:
        raise ValueError(
            f"a batch's {' and '.join(found)} have the shapes {shapes[0]} and {shapes[1]}, and "
            f"have to have the same; {_ASIDE}"
        )
