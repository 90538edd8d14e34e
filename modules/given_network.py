"""A network that was given as an object: a copy on disk, which is named like any other backbone."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from datamodules.packaged import cache_folder


def folder_of(backbone: Any) -> str:
    """Return the name of a backbone; a network and its tokenizer are written into the cache folder.

    Checkpoints, exports and records then name that folder, and an export copies the weights.

    Args:
        backbone: A name or a folder, or a ``PreTrainedModel`` and its tokenizer.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(backbone, str | Path):
        return str(backbone)
    pair = backbone if isinstance(backbone, tuple | list) else (backbone,)
    network, tokenizer = (*pair, None, None)[:2]
    if not isinstance(network, PreTrainedModel):
        raise ValueError(
            f"--model.backbone: a {type(network).__name__}, and not a name, a folder or a "
            f"PreTrainedModel of transformers with its tokenizer, as (network, tokenizer)"
        )
    if not hasattr(tokenizer, "save_pretrained") or len(pair) != 2:
        raise ValueError(
            f"--model.backbone: a {type(network).__name__} without its tokenizer; give "
            f"backbone=(network, tokenizer)"
        )
    folder = cache_folder() / "networks" / _digest(network, tokenizer)
    if not folder.is_dir():
        scratch = folder.with_name(f".{folder.name}-{os.getpid()}")
        shutil.rmtree(scratch, ignore_errors=True)
        network.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        try:
            os.replace(scratch, folder)
        except OSError:  # another process has written it
            shutil.rmtree(scratch, ignore_errors=True)
    return str(folder)


def _digest(network: PreTrainedModel, tokenizer: Any) -> str:
    found = hashlib.sha256(network.config.to_json_string().encode())
    found.update(repr(sorted(tokenizer.get_vocab().items())).encode())
    for name, value in network.state_dict().items():
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()[:16]
