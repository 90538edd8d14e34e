"""Loads a model that a run has exported, and answers with it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    StoppingCriteria,
    StoppingCriteriaList,
    TextStreamer,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging

from datamodules import packaged
from datamodules.instructions.chat import set_chat_template
from experiments.common.runs import RunFolder, find_run
from modules import load
from modules.backbones import native_bf16
from modules.generation import stop_token_ids


@dataclass
class ChatModel:
    """A decoder with its chat template.

    Attributes:
        name: The name to print.
        model: The decoder.
        tokenizer: The tokenizer, with its chat template.
        context_length: The most tokens of question and answer together.
    """

    name: str
    model: nn.Module
    tokenizer: Any
    context_length: int

    def ids(self, history: list[dict[str, str]]) -> list[int]:
        """The token ids of a chat, up to the beginning of the answer."""
        text = self.tokenizer.apply_chat_template(
            history, tokenize=False, add_generation_prompt=True
        )
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    @torch.inference_mode()
    def answer(
        self, ids: list[int], tokens: int, temperature: float, stopped: Callable[[], bool]
    ) -> str:
        """Prints the answer token by token until it ends or ``stopped`` is true; returns it."""
        drawn = {"do_sample": True, "temperature": temperature, "top_p": 0.95, "top_k": 0}
        ids_1T = torch.tensor([ids], device=next(self.model.parameters()).device)
        made = self.model.generate(
            input_ids=ids_1T,
            attention_mask=torch.ones_like(ids_1T),
            max_new_tokens=min(tokens, self.context_length - len(ids)),
            eos_token_id=stop_token_ids(self.tokenizer),
            pad_token_id=packaged.pad_id(self.tokenizer),
            streamer=TextStreamer(self.tokenizer, skip_prompt=True, skip_special_tokens=True),
            stopping_criteria=StoppingCriteriaList([_When(stopped)]),
            **(drawn if temperature else {"do_sample": False}),
        )
        return self.tokenizer.decode(made[0, len(ids) :], skip_special_tokens=True).strip()


class _When(StoppingCriteria):
    def __init__(self, stopped: Callable[[], bool]) -> None:
        self.stopped = stopped

    def __call__(self, ids_BT: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        return torch.full(ids_BT.shape[:1], self.stopped(), device=ids_BT.device)


def open_export(wanted: str, output: str, template: str) -> ChatModel:
    """Loads the model of a run (last, or its id), of a folder, or of a bundled name.

    Raises:
        ValueError: If there is no such model, or if it does not write answers.
    """
    folder = _find(wanted, output)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = _load(folder, wanted).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    set_chat_template(tokenizer, template, "--template")
    if native_bf16() and not isinstance(model, peft.PeftModel):
        model = model.bfloat16()
    model.generation_config.max_length = None  # an answer has its own limit
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    name = wanted if wanted in packaged.BACKBONES else str(folder)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return ChatModel(name, model.to(device), tokenizer, positions or 1 << 30)


def _find(wanted: str, output: str) -> Path:
    if wanted in packaged.BACKBONES:
        return Path(packaged.locate(wanted))
    folder = Path(wanted).expanduser()
    if not folder.is_dir():

        def unfit(run: RunFolder) -> str:
            return "" if (run.path / "export").is_dir() else "has no export"

        folder = find_run(wanted, Path(output), unfit, "run that ended with an export").path
    return folder / "export" if (folder / "export").is_dir() else folder


def _load(folder: Path, wanted: str) -> nn.Module:
    """Loads a complete model, a peft adapter on its base, or an export for ``modules.load``."""
    if (folder / "trained.safetensors").is_file():
        module = load(folder)
        if module.task.peft_type != "CAUSAL_LM":
            raise ValueError(f"{wanted}: {type(module.task).__name__} does not write answers")
        return module.model
    if (folder / "adapter_config.json").is_file():
        held = json.loads((folder / "adapter_config.json").read_text())
        if held.get("task_type") != "CAUSAL_LM":
            raise ValueError(f"{wanted}: an adapter for {held.get('task_type')} writes no answers")
        # The folder may have been moved since its path was written down.
        beside = folder / "base"
        base = str(beside) if beside.is_dir() else held["base_model_name_or_path"]
        model = peft.PeftModel.from_pretrained(_load_weights(base, wanted), folder)
        return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    if not (folder / "config.json").is_file():
        raise ValueError(f"{wanted}: {folder} holds no model that was exported")
    return _load_weights(str(folder), wanted)


def _load_weights(place: str, wanted: str) -> nn.Module:
    config = AutoConfig.from_pretrained(place)
    kind = (config.architectures or [""])[0]
    if kind and kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        raise ValueError(f"{wanted}: a {kind} does not write answers")
    return AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
