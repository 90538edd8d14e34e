"""A decoder of an export or of a run, as a plain model of transformers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.packaged import load_tokenizer
from modules import backbones, merging
from modules.encoding import tokenizer_of
from modules.exported import MODULE_FILE
from modules.loading import load


@dataclass(frozen=True)
class LanguageModel:
    """A language model with its tokenizer.

    Attributes:
        model: The model of transformers, in fp32 and in eval mode, with adapters merged into it.
        tokenizer: Its tokenizer, with the chat template of its task.
        name: A name for people.
    """

    model: Any
    tokenizer: Any
    name: str


def open_language_model(folder: Path) -> LanguageModel:
    """Open a decoder that writes text: an export, a run, or a folder of transformers.

    Raises:
        ValueError: If there is none, it is incomplete, it is of another kind, or its adapter cannot
            be merged.
    """
    folder = folder.absolute()
    name = folder.parent.name if folder.name == "export" else folder.name
    inside = folder / "export" if (folder / "export").is_dir() else folder
    if (inside / "config.json").is_file() and not (inside / MODULE_FILE).is_file():
        return _of_transformers(inside, name)
    module = load(folder)
    task = module.task
    if task.auto_class != "AutoModelForCausalLM":
        cure = ": --to onnx converts it" if hasattr(task, "head") else ""
        raise ValueError(f"{folder}: {_other(type(task).__name__, module.model.config)}{cure}")
    if reason := merging.obstacle(module):
        raise ValueError(f"{folder}: {reason}")
    return LanguageModel(merging.merged(module).eval(), tokenizer_of(module), name)


def _other(kind: str, config: Any) -> str:
    return f"GGUF is for decoders that write text, and this is {kind} ({config.model_type})"


def _of_transformers(folder: Path, name: str) -> LanguageModel:
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(folder))
        architecture = (config.architectures or [""])[0]
        decoder = architecture.endswith(("ForCausalLM", "LMHeadModel"))
        if decoder:
            model: Any = backbones.load_backbone(AutoModelForCausalLM, str(folder))
            tokenizer = load_tokenizer(str(folder))
            if model.new_parameters:
                raise ValueError(f"its weights lack {model.new_parameters[0]}")
    except Exception as error:  # the libraries have many types for a broken file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(f"{folder}: cannot be read ({reason}): it may be half written") from error
    if not decoder:
        raise ValueError(f"{folder}: {_other(architecture or 'something else', config)}")
    return LanguageModel(model.eval(), tokenizer, name)
