"""Answers to questions that a prompted language model writes, or chooses."""

from collections.abc import Mapping
from typing import Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveInt
from torch import Tensor
from torchmetrics import MetricCollection

from datamodules.packaged import load_tokenizer
from datamodules.unread import Unread, off
from modules.prompts.prefix_cache import PrefixCache
from modules.tasks import (
    chosen_answers,
    pretrained_lm,
    question_prompts,
    solved_questions,
    writing,
    written_answers,
)
from modules.tasks.base import LabelKind, Lengths, Task

_FORMS: dict[str, Any] = {"words": written_answers, "choices": chosen_answers}
_DEFAULT = "{% if context %}{{ context }}\n\n{% endif %}Question: {{ question }}\nAnswer:"


class PromptedGeneration(Task[Any]):
    """Writes the answer to a question about a context (Radford et al. 2019, Brown et al. 2020).

    A decoder reads instruction, solved training questions, context and question. Only the answer
    has a loss. Metrics are exact match and F1 as SQuAD's own script has them. Of a question with
    choices it takes the one with the highest log-likelihood. A prompt that does not fit loses the
    end of its context, never its question.

    Args:
        template: Jinja over the columns question, context and choices, with the answer at its end.
        instruction: Text before everything else.
        shots: Number of solved questions of the training split before each question.
        seed: Seed by which they are drawn.
        examples: Solved questions in their place: mappings with question, answer, and perhaps
            context and choices.
        answers: words are written; choices are those of each question, as ChoiceFiles reads them.
        normalize: Whether to score a choice by the mean over its tokens rather than by the sum.
        no_answer: The text that says that the context has no answer.
        written: Evaluations that write answers: test, all (validation too), or none.
        max_new_tokens: Number of tokens after which an answer is cut.
    """

    monitor, pairs = "val/loss", True
    mode: Literal["min", "max"] = "min"
    label_kind: LabelKind = "span"
    unread = (
        Unread(("seed",), "shots", off),
        Unread(("seed",), "examples", bool),
        Unread(("normalize",), "answers", "words".__eq__),
        Unread(("no_answer", "written"), "answers", "choices".__eq__),
    )
    # Of the tokens that prompts share, where nothing trains.
    prefix_cache: PrefixCache | None = None

    def __init__(
        self,
        template: str = _DEFAULT,
        instruction: str = "",
        shots: NonNegativeInt = 0,
        seed: NonNegativeInt = 0,
        examples: list[dict[str, Any]] | None = None,
        answers: Literal["words", "choices"] = "words",
        normalize: bool = True,
        no_answer: str = "unanswerable",
        written: Literal["test", "all", "none"] = "test",
        max_new_tokens: PositiveInt = 16,
    ) -> None:
        self.form, self.answers = _FORMS[answers], answers
        asked = (template, instruction, shots, seed, examples or (), self.form.COLUMNS)
        self.encoding = question_prompts.QuestionPrompts(*asked)
        self.no_answer, self.written, self.normalize = no_answer, written, normalize
        self.stages = writing.STAGES[written]
        self.decoding = writing.Decoding(max_new_tokens, 1, 1.0, 0.0)
        self.label_kind = self.labels_read({"answers": answers})
        self.batch_keys = self.form.BATCH_KEYS  # type: ignore[misc]  # by the form of the answers
        if answers == "choices":
            self.monitor, self.mode = "val/accuracy", "max"

    @classmethod
    def labels_read(cls, arguments: Mapping[str, Any]) -> LabelKind:
        return "choice" if arguments.get("answers") == "choices" else "span"

    def arguments(self) -> dict[str, Any]:
        names = ("instruction", "shots", "seed", "examples")
        asked = {name: getattr(self.encoding, name) for name in names}
        own = {
            name: getattr(self, name) for name in ("answers", "normalize", "no_answer", "written")
        }
        tokens = self.decoding.max_new_tokens
        return {**own, **asked, "template": self.encoding.template.source, "max_new_tokens": tokens}

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        model = pretrained_lm.build_decoder(self, backbone, dropout)
        self.encoding.attach(load_tokenizer(backbone), model, self.decoding.max_new_tokens)
        return model

    def read_model(self, model: Any) -> None:
        """Count the tokens of a soft prompt among those that the model reads."""
        self.encoding.attach(self.encoding.tokenizer, model, self.decoding.max_new_tokens)

    read_data = solved_questions.read_data

    def prompt_description(self) -> str:
        return repr(
            "\n\n".join(filter(None, (self.encoding.instruction, self.encoding.template.source)))
        )

    def check_columns(self, columns: list[str]) -> None:
        self.form.check_columns(self, columns)

    def prepare(self, batch: Any, training: bool) -> Any:
        return self.form.prepare(self, batch, training)

    def evaluation(self, model: Any, batch: Any, stage: Literal["val", "test"]) -> dict[str, Any]:
        return self.form.evaluation(self, model, batch, stage)

    def num_input_tokens(self, lengths: Lengths) -> Lengths:
        added = self.encoding.overhead + solved_questions.tokens_before(self.encoding)
        return (lengths + added).clip(max=self.encoding.most_tokens)

    def logits(self, model: Any, batch: Any) -> Tensor:
        """Return the sums over written answers' tokens, (2,), or the choices' scores, (B, most)."""
        return self.form.logits(self, model, batch)

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        return self.form.metrics(self, stage)

    def loss(self, logits: Tensor, batch: Any) -> Tensor:
        return self.form.loss(logits, batch)

    def num_targets(self, batch: Any) -> Tensor | int:
        return self.form.num_targets(batch)
