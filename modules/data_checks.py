"""Whether data were tokenised for the module's model, and whether a batch has what it reads."""

import contextlib
from collections.abc import Mapping
from typing import Any

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


def check_first(module: Any, batch: Any, batch_idx: int) -> None:
    """Run :func:`check_batch` on the first batch of a loader.

    Raises:
        ValueError: If it does not fit.
    """
    if not batch_idx:
        check_batch(module, batch, getattr(module, "task", None) or module)


def check_labels(module: Any, batch: Any, batch_idx: int) -> None:
    """Refuse labels that the task has no output for; on a GPU, which would wait, in the first
    batch alone.

    Raises:
        ValueError: If a label is of another type, or out of range.
    """
    if (task := getattr(module, "task", None)) and (module.device.type == "cpu" or not batch_idx):
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
        ValueError: If it is no mapping, lacks an entry, or a token id is out of the vocabulary.
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
    ids, embeddings = batch.get("input_ids"), None
    with contextlib.suppress(AttributeError, NotImplementedError):  # a network of one's own
        embeddings = module.model.get_input_embeddings()
    if isinstance(ids, Tensor) and ids.numel():
        size = getattr(embeddings, "num_embeddings", None)
        if size is not None and (largest := int(ids.max())) >= size:
            raise ValueError(
                f"a batch has the token id {largest}, and the vocabulary of the module's model has "
                f"{size} entries: the rows were tokenised for another model"
            )
