"""A decoder that answers chats, or goes on after a text."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import peft
import torch
from torch import nn
from transformers import StoppingCriteria, StoppingCriteriaList, TextStreamer
from transformers.utils import logging

from datamodules import packaged
from datamodules.instructions.chat import set_chat_template
from experiments.tools.chat_export import find, has_own_template, load_decoder, unable
from modules import load
from modules.backbones import context_length
from modules.encoding import needs_context, pair_columns
from modules.generation import (
    generation_defaults,
    generation_defaults_set_aside,
    stop_token_ids,
)
from modules.kernels import native_bf16

Chat = list[dict[str, str]]


class Sampling(NamedTuple):
    """How the tokens of an answer are chosen.

    Attributes:
        max_new_tokens: The most tokens of an answer.
        temperature: The temperature; 0 takes the likeliest token.
        top_p: The share of the probability from which tokens are drawn; None is 0.95.
    """

    max_new_tokens: int = 256
    temperature: float = 0.7
    top_p: float | None = None

    def arguments(self) -> dict[str, Any]:
        """The arguments of ``generate``."""
        if not self.temperature:
            return {"do_sample": False}
        drawn = {"temperature": self.temperature, "top_p": self.top_p or 0.95, "top_k": 0}
        return {"do_sample": True, **drawn}


class Answer(NamedTuple):
    """An answer.

    Attributes:
        text: Its text.
        tokens: The number of its tokens.
        ended: Whether the model ended it, or it was cut.
    """

    text: str
    tokens: int
    ended: Literal["stop", "length"]


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

    def ids(self, history: Chat) -> list[int]:
        """The token ids of a chat, up to the beginning of the answer."""
        text = self.tokenizer.apply_chat_template(
            history, tokenize=False, add_generation_prompt=True
        )
        return self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]

    def fit(self, history: Chat, max_new_tokens: int) -> tuple[list[int], Chat]:
        """The token ids of a chat, and its messages, without the oldest that leave no room.

        A system message and the last question always stay.
        """
        first = int(history[0]["role"] == "system")
        kept, ids = list(history), self.ids(history)
        while len(ids) + max_new_tokens > self.context_length and len(kept) > first + 2:
            del kept[first : first + 2]  # the oldest question and its answer
            ids = self.ids(kept)
        return ids, kept

    def raw_ids(self, text: str) -> list[int]:
        """The token ids of a text that goes on: what would end it is left out."""
        ids = self.tokenizer(text, verbose=False)["input_ids"]
        bare = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        while ids and len(ids) > len(bare) and ids[-1] in self.tokenizer.all_special_ids:
            ids.pop()
        return ids

    def ignored(self) -> str:
        """What the model's own generation config asks for, and answers do not obey."""
        return ", ".join(f"{n} {v}" for n, v in generation_defaults(self.model).items())

    @torch.inference_mode()
    def answer(
        self,
        ids: list[int],
        sampling: Sampling,
        stopped: Callable[[], bool],
        say: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answers token by token until the answer ends or ``stopped`` is true.

        Args:
            ids: The token ids of the question.
            sampling: How tokens are chosen.
            stopped: Tells whether to end at once.
            say: Takes the text in pieces; by default they are printed.
        """
        ids_1T = torch.tensor([ids], device=next(self.model.parameters()).device)
        room = min(sampling.max_new_tokens, self.context_length - len(ids))
        ends = stop_token_ids(self.tokenizer)
        with generation_defaults_set_aside(self.model):
            made = self.model.generate(
                input_ids=ids_1T,
                attention_mask=torch.ones_like(ids_1T),
                max_new_tokens=room,
                num_beams=1,
                eos_token_id=ends,
                pad_token_id=packaged.pad_id(self.tokenizer),
                streamer=_Pieces(self.tokenizer, say),
                stopping_criteria=StoppingCriteriaList([_When(stopped)]),
                **sampling.arguments(),
            )
        new = made[0, len(ids) :].tolist()
        text = self.tokenizer.decode(new, skip_special_tokens=True)
        return Answer(text, len(new), "stop" if new[-1] in ends else "length")


@dataclass
class TemplatedModel(ChatModel):
    """A decoder that answers each question alone, by the template of its task.

    Attributes:
        task: The task.
    """

    task: Any

    def fit(self, history: Chat, max_new_tokens: int) -> tuple[list[int], Chat]:
        """The token ids of the prompt of the last question, which is all that stays."""
        text = history[-1]["content"]
        asked: list[Any] = [(text, "") if self.task.pairs else text]
        rows = self.task.encoding.of_texts(pair_columns(self.task, asked))
        ids, _ = self.task.encoding.sources(rows, room=max_new_tokens)
        return ids[0], history[-1:]


class _Pieces(TextStreamer):
    def __init__(self, tokenizer: Any, say: Callable[[str], None] | None) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.say = say

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        if self.say is None:
            super().on_finalized_text(text, stream_end)
        elif text:
            self.say(text)


class _When(StoppingCriteria):
    def __init__(self, stopped: Callable[[], bool]) -> None:
        self.stopped = stopped

    def __call__(self, ids_BT: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        return torch.full(ids_BT.shape[:1], self.stopped(), device=ids_BT.device)


def open_export(wanted: str, output: str, template: str, raw: bool = False) -> ChatModel:
    """Loads the model of a run (last, or its id), of a folder, or of a bundled name.

    Args:
        wanted: The model.
        output: The folder in which all runs are kept.
        template: The chat template, as ``set_chat_template`` takes it.
        raw: Whether the model goes on after texts, and needs no template.

    Raises:
        ValueError: If there is no such model, or if it does not write answers.
    """
    folder = find(wanted, output, needs_template=template == "tokenizer" and not raw)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if not raw and has_own_template(folder):
        return _templated(folder, wanted, template, device)
    model, tokenizer = load_decoder(folder, wanted)
    if not raw:
        set_chat_template(tokenizer, template, "--template")
    if native_bf16() and not isinstance(model, peft.PeftModel):
        model = model.bfloat16()
    name = wanted if wanted in packaged.BACKBONES else str(folder)
    return ChatModel(name, model.to(device).eval(), tokenizer, context_length(model) or 1 << 30)


def _templated(folder: Path, wanted: str, template: str, device: str) -> TemplatedModel:
    if template != "tokenizer":
        raise ValueError(f"--template {template}: {wanted} answers by the template of its own task")
    if reason := unable(folder, needs_template=False):
        raise ValueError(f"{wanted}: {reason}, which does not write answers")
    module = load(folder, device)
    if module.task.label_kind == "span" and needs_context(module.task):
        raise ValueError(
            f"{wanted}: its template reads a context beside the question, which a chat has not: "
            f"`pretune predict {wanted} FILE` reads both"
        )
    length = context_length(module.model) or 1 << 30
    return TemplatedModel(
        str(folder), module.model, module.task.encoding.tokenizer, length, module.task
    )
