"""The model that a server asks, with its limits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from jinja2 import TemplateError

from experiments.tools.chat_model import Answer, ChatModel, Sampling
from experiments.tools.serving import answers
from experiments.tools.serving.bodies import Asked, AskedChat, Refused
from experiments.tools.serving.model_thread import ModelThread
from modules import inference
from modules.backbones import context_length
from modules.encoding import max_tokens, needs_context, reads_pairs, tokenizer_of

_CHARACTERS = 4  # of a token, for the estimate that requests are joined by


@dataclass(frozen=True)
class Limits:
    """What a client may send.

    Attributes:
        texts: The most texts of a request.
        body_bytes: The most bytes of a request.
        new_tokens: The most tokens of an answer.
        cut: Whether a text that is longer than the model reads is cut, or else refused.
        batch_tokens: The most padded tokens of a batch.
    """

    texts: int = 256
    body_bytes: int = 1 << 20
    new_tokens: int = 256
    cut: bool = True
    batch_tokens: int = inference.BATCH_TOKENS


@dataclass
class Service:
    """A module, its thread, and what the server tells of it.

    Attributes:
        module: The module.
        name: The name of the model that clients see.
        limits: What they may send.
    """

    module: Any
    name: str
    limits: Limits
    thread: ModelThread = field(init=False)

    def __post_init__(self) -> None:
        task = self.module.task
        tokenizer = tokenizer_of(self.module)
        if task.label_kind == "choice":
            cure = "`pretune predict` reads files of them"
            raise ValueError(f"{type(task).__name__} chooses among choices of a question: {cure}")
        self.pairs = reads_pairs(task)
        self.alone = task.label_kind == "span" and not needs_context(task)  # no second text either
        self.labels, self.several = self.module.label_names, task.label_kind == "several"
        self.top = 0 if task.label_kind == "tags" else len(self.labels)  # labels to choose from
        self.writes = inference.writes_answers(self.module)
        self.max_tokens = max_tokens(self.module, tokenizer)
        # An answer leaves at least half of the context to the question.
        self.new_tokens = min(self.limits.new_tokens, max(1, self.max_tokens // 2))
        self.chat: ChatModel | None = None
        if self.writes and tokenizer.chat_template and not hasattr(task, "decoding"):
            length = context_length(self.module.model) or 1 << 30
            self.chat = ChatModel(self.name, self.module.model, tokenizer, length)
        self.thread = ModelThread(self._predict, self.limits.batch_tokens)
        self._check(tokenizer)

    def _check(self, tokenizer: Any) -> None:
        """Predicts once: a model that cannot is no server, and the first client need not wait."""
        text = tokenizer.mask_token if inference.fills_masks(self.module) else "a text"
        settings = {"max_new_tokens": 1} if self.writes else {}
        inference.predict(self.module, [(text, text) if self.pairs else text], **settings)

    def _predict(self, texts: list[Any], **settings: Any) -> inference.Predictions:
        batch_tokens = self.limits.batch_tokens
        return inference.predict(self.module, texts, batch_tokens=batch_tokens, **settings)

    def facts(self) -> dict[str, Any]:
        """What ``/health`` answers."""
        try:
            own = version("pretune")
        except PackageNotFoundError:  # a checkout that was never installed
            own = "unknown"
        return {
            "ready": True,
            "model": self.name,
            "task": type(self.module.task).__name__,
            "reads": "texts or pairs" if self.alone else "pairs" if self.pairs else "texts",
            "labels": self.labels,
            "max_tokens": self.max_tokens,
            "chat": self.chat is not None,
            "waiting": self.thread.waiting,
            "version": own,
        }

    def predict(self, asked: Asked) -> Any:
        """Starts a prediction; returns the future of its ``Predictions``."""
        settings = {}
        if self.writes:
            decoding = getattr(self.module.task, "decoding", None)
            usual = decoding.max_new_tokens if decoding else 256
            settings["max_new_tokens"] = min(asked.max_new_tokens or usual, self.new_tokens)
        each = settings.get("max_new_tokens", 0)
        cost = sum(
            min(self.max_tokens, 1 + len("".join(text)) // _CHARACTERS) + each
            for text in asked.texts
        )
        return self.thread.predict(asked.texts, cost, settings)

    def answer(self, asked: Asked, found: inference.Predictions) -> dict[str, Any]:
        """What ``/predict`` answers.

        Raises:
            Refused: If a text is too long and such texts are refused.
        """
        if not self.limits.cut and True in found.truncated:
            number = found.truncated.index(True) + 1
            where = '"text"' if asked.single else f'"texts", item {number}:'
            length = f"{self.max_tokens:,} tokens"
            raise Refused(f"{where} is longer than the {length} that the model reads")
        rows = answers.rows(found, self.labels, self.several, asked.top)
        return rows[0] if asked.single else {"predictions": rows}

    def say(
        self, asked: AskedChat, stopped: Callable[[], bool], say: Callable[[str], None]
    ) -> tuple[Answer, int]:
        """Answers a chat; to be called in the thread of the model.

        Args:
            asked: The chat.
            stopped: Tells whether to end at once.
            say: Takes the answer in pieces; the first is empty and comes before it is written.

        Returns:
            The answer, and the number of messages that were left out for room.

        Raises:
            Refused: If the chat template refuses the messages, or they leave no room.
        """
        assert self.chat is not None
        try:
            ids, kept = self.chat.fit(asked.messages, asked.max_new_tokens)
        except Exception as error:  # the template is a program of the model's
            why = f": {error}" if isinstance(error, TemplateError) else ""
            raise Refused(f"the chat template refuses the messages{why}") from error
        dropped = len(asked.messages) - len(kept)
        if len(ids) >= self.chat.context_length or (dropped and not self.limits.cut):
            length = f"{self.chat.context_length:,} tokens"
            raise Refused(f"the messages and an answer are longer than the {length} of the model")
        say("")
        torch.manual_seed(asked.seed)
        sampling = Sampling(asked.max_new_tokens, asked.temperature, asked.top_p)
        return self.chat.answer(ids, sampling, stopped, say), dropped
