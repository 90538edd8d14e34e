"""The files of an export: a folder that is whole or not there, an adapter, a backbone's weights."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from transformers import PreTrainedModel

from datamodules.packaged import load_tokenizer
from modules import backbone_files, backbones

if TYPE_CHECKING:
    import peft


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a scratch folder that takes the place of ``folder`` at the end, and else is removed."""
    folder = Path(folder).absolute()
    scratch = folder.with_name(f".{folder.name}-making")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def save_adapter(model: "peft.PeftModel", backbone: str, scratch: Path) -> None:
    """Write an adapter, and the network that it is on into ``base/``."""
    # peft builds the base from this path, so its config must carry the labels. It is relative to
    # the working folder, as peft knows no other: an absolute one would not outlive a move.
    for config in model.peft_config.values():
        config.base_model_name_or_path = "base"
    # Nothing is added to the embeddings; left to itself, peft asks the hub whether there is.
    model.save_pretrained(str(scratch), save_embedding_layers=False)
    save_base(backbones.unwrap(model), backbone, scratch / "base")


def save_base(model: PreTrainedModel, backbone: str, base: Path) -> None:
    """Write a backbone's config as the model has it, its tokenizer, and links to its weights."""
    base.mkdir()
    model.config.save_pretrained(base)
    load_tokenizer(backbone).save_pretrained(base)
    weights = backbone_files.weight_files(backbone)
    # As it is: transformers refuses to write some that it reads.
    if (generation := weights[0].with_name("generation_config.json")).is_file():
        shutil.copyfile(generation, base / generation.name)
    for file in weights:
        target = base / file.name
        try:
            os.link(file.resolve(), target)
        except OSError:  # another file system
            shutil.copyfile(file, target)
