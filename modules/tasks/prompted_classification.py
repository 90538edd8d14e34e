"""Classification of texts by a prompt."""

from collections.abc import Sequence
from typing import Any, Literal

from jsonargparse.typing import PositiveInt
from torch import Tensor, nn
from torchmetrics import MetricCollection

from datamodules.batches import LabelledBatch
from datamodules.packaged import load_tokenizer, pad_id
from modules.prompts import scoring
from modules.prompts.prefix_cache import PrefixCache
from modules.prompts.templates import Prompt, Template, label_words
from modules.tasks import heads, pretrained_lm, prompt_encoding
from modules.tasks.base import Lengths, Task
from modules.tasks.class_loss import class_metrics


class PromptedClassification(Task[LabelledBatch]):
    """Predicts the class whose word a language model finds likeliest in a prompt.

    A decoder scores the words behind the prompt, an encoder in the place of masks (Schick & Schütze
    2021, Gao et al. 2021). There is no new head: without training this is zero-shot classification
    (ZeroShot, InContext), and with any strategy prompt-based fine-tuning. A prompt that does not
    fit into the context loses the end of its longest text, never its question.

    Args:
        template: A name of the library, or Jinja over the columns text and pair, with the answer at
            ``{{ mask }}`` or at the end.
        verbalizer: The word of each label; the library's, or the label's own name, if not given.
        instruction: An instruction before everything else; the library's if not given.
        labels: Class names in the order of their ids; taken from the data on the command line.
        num_classes: Number of classes, instead of their names.
        normalize: Whether to score a word by the mean over its tokens rather than by the sum.
    """

    monitor, mode = "val/accuracy", "max"
    batch_keys = ("input_ids", "columns", "labels")
    max_prompt_tokens: int
    _rows: int

    def __init__(
        self,
        template: str = "sentiment",
        verbalizer: dict[str, str] | None = None,
        instruction: str | None = None,
        labels: list[str] | None = None,
        num_classes: PositiveInt | None = None,
        normalize: bool = True,
    ) -> None:
        found = prompt_encoding.of_library(template, verbalizer, instruction)
        template, verbalizer, self.instruction = found
        if labels is None and num_classes is None and verbalizer:
            labels = list(verbalizer)
        self.labels = heads.class_names(labels, num_classes)
        self.words = label_words(self.labels, verbalizer)
        self.template, self.normalize = Template(template), normalize

    def arguments(self) -> dict[str, Any]:
        """Return the arguments in full: the library may change what a name means."""
        words = dict(zip(self.labels, self.words, strict=True))
        known = {"template": self.template.source, "verbalizer": words, "labels": self.labels}
        return {**known, "instruction": self.instruction, "normalize": self.normalize}

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        model, self.masked = pretrained_lm.build(self, backbone, dropout)
        self.tokenizer = load_tokenizer(backbone)
        prompt_encoding.check_words(self.tokenizer, self.labels, self.words, backbone)
        prompt_encoding.attach(self, model)
        return model

    read_model = prompt_encoding.attach  # again, beside a soft prompt

    def check_columns(self, columns: list[str]) -> None:
        self.template.check_columns(columns)

    def num_input_tokens(self, lengths: Lengths) -> Lengths:
        return self._rows * (lengths + self.overhead).clip(max=self.max_prompt_tokens)

    def prompt_description(self) -> str:
        asked = "\n\n".join(filter(None, (self.instruction, self.template.source)))
        return f"{asked!r} -> {' | '.join(self.words)}"

    def prompt(self, row: dict[str, str], demonstration_prefix: str = "") -> Prompt:
        """Return the prompt of a row, behind the instruction and the demonstrations."""
        prompt = self.template.render(row)
        start = f"{self.instruction}\n\n" if self.instruction else ""
        return Prompt(start + demonstration_prefix + prompt.before, prompt.after)

    def encode(
        self,
        rows: Sequence[dict[str, str]],
        demonstration_prefixes: Sequence[str] | None = None,
        truncate: bool = True,
    ) -> list[scoring.EncodedPrompt]:
        """Encode the prompts of rows; see :func:`prompt_encoding.encode`."""
        prefixes = demonstration_prefixes or [""] * len(rows)
        return prompt_encoding.encode(self, rows, prefixes, truncate)

    def prepare(
        self,
        batch: LabelledBatch,
        training: bool,
        demonstration_prefixes: Sequence[str] | None = None,
    ) -> scoring.LabelledPrompts:
        """Return the batch with the prompts' tokens in place of the texts'."""
        encoded = self.encode(prompt_encoding.rows_of(batch["columns"]), demonstration_prefixes)
        device = next(v.device for v in batch.values() if isinstance(v, Tensor))
        return {**batch, **scoring.collate(encoded, pad_id(self.tokenizer), device)}

    def logits(self, model: Any, batch: Any, prefix_cache: PrefixCache | None = None) -> Tensor:
        """Return the log-likelihoods of the words, (B, classes), for a prepared batch."""
        return scoring.answer_log_likelihoods(model, batch, self.normalize, prefix_cache)

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        return nn.functional.cross_entropy(logits.float(), batch["labels"])

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        return class_metrics(self.labels)
