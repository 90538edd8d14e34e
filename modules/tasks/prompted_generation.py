"""Answers to questions that a prompted language model writes."""

from typing import Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveInt
from torch import Tensor
from torchmetrics import MetricCollection

from datamodules.batches import QuestionBatch
from datamodules.packaged import load_tokenizer
from modules.tasks import pretrained_lm, question_prompts, token_sums, writing, written_answers
from modules.tasks.base import Lengths, Task


class PromptedGeneration(Task[QuestionBatch]):
    """Writes the answer to a question about a context (Radford et al. 2019, Brown et al. 2020).

    A decoder reads instruction, solved training questions, context and question. Only the answer
    has a loss. Metrics are exact match and F1 as SQuAD's own script has them. A prompt that does
    not fit loses the end of its context, never its question.

    Args:
        template: Jinja over the columns question and context, with the answer at its end.
        instruction: Text before everything else.
        shots: Number of solved questions of the training split before each question.
        seed: Seed by which they are drawn.
        no_answer: The text that says that the context has no answer.
        written: Evaluations that write answers: test, all (validation too), or none.
        max_new_tokens: Number of tokens after which an answer is cut.
    """

    monitor, mode, label_kind = "val/loss", "min", "span"
    pairs = True
    batch_keys = ("attention_mask", "offsets", "sources", "columns")

    def __init__(
        self,
        template: str = "{{ context }}\n\nQuestion: {{ question }}\nAnswer:",
        instruction: str = "",
        shots: NonNegativeInt = 0,
        seed: NonNegativeInt = 0,
        no_answer: str = "unanswerable",
        written: Literal["test", "all", "none"] = "test",
        max_new_tokens: PositiveInt = 16,
    ) -> None:
        self.encoding = question_prompts.QuestionPrompts(template, instruction, shots, seed)
        self.no_answer, self.written = no_answer, written
        self.stages = writing.STAGES[written]
        self.decoding = writing.Decoding(max_new_tokens, 1, 1.0, 0.0)

    def arguments(self) -> dict[str, Any]:
        asked = {name: getattr(self.encoding, name) for name in ("instruction", "shots", "seed")}
        own = {"no_answer": self.no_answer, "written": self.written, **asked}
        tokens = self.decoding.max_new_tokens
        return {**own, "template": self.encoding.template.source, "max_new_tokens": tokens}

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        model = pretrained_lm.build_decoder(self, backbone, dropout)
        self.encoding.attach(load_tokenizer(backbone), model, self.decoding.max_new_tokens)
        return model

    prompt_description = written_answers.prompt_description
    check_columns = written_answers.check_columns
    read_data = written_answers.read_data
    prepare = written_answers.prepare
    evaluation = written_answers.evaluation

    def num_input_tokens(self, lengths: Lengths) -> Lengths:
        added = self.encoding.overhead + written_answers.tokens_before(self)
        return (lengths + added).clip(max=self.encoding.most_tokens)

    def logits(self, model: Any, batch: QuestionBatch) -> Tensor:
        """Return the sums over the answers' tokens, (2,), of :func:`token_sums.token_sums`."""
        return token_sums.token_sums(model, writing.inputs(model, batch), batch["labels"])

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        return written_answers.metrics(stage, stage in self.stages)

    loss = staticmethod(token_sums.mean_loss)  # type: ignore[assignment]  # they need no task
    num_targets = staticmethod(token_sums.num_tokens)  # type: ignore[assignment]
