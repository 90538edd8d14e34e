"""Classification of texts by a prompt."""

from collections.abc import Sequence
from typing import Any, Literal

from jsonargparse.typing import PositiveInt
from torch import Tensor, nn
from torchmetrics import Accuracy, F1Score, MetricCollection

from datamodules.batches import LabelledBatch
from datamodules.packaged import load_tokenizer, pad_id
from modules.encoding import most_tokens
from modules.prompts import scoring
from modules.prompts.library import TEMPLATES
from modules.prompts.prefix_cache import PrefixCache
from modules.prompts.templates import Prompt, Template, label_words
from modules.tasks import heads, pretrained_lm
from modules.tasks.base import Lengths, Task


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

    def __init__(
        self,
        template: str = "sentiment",
        verbalizer: dict[str, str] | None = None,
        instruction: str | None = None,
        labels: list[str] | None = None,
        num_classes: PositiveInt | None = None,
        normalize: bool = True,
    ) -> None:
        known = TEMPLATES.get(template)
        if known is None and "{{" not in template:
            raise ValueError(
                f"--model.task.template {template}: neither Jinja with a column, as "
                f"'{{{{ text }}}} It was', nor one of {', '.join(TEMPLATES)}"
            )
        verbalizer = verbalizer or (dict(known.words) if known else None)
        if labels is None and num_classes is None and verbalizer:
            labels = list(verbalizer)
        self.labels = heads.class_names(labels, num_classes)
        self.words = label_words(self.labels, verbalizer)
        self.template = Template(known.template if known else template)
        self.instruction = (
            (known.instruction if known else "") if instruction is None else instruction
        )
        self.normalize = normalize

    def arguments(self) -> dict[str, Any]:
        """Return the arguments in full: the library may change what a name means."""
        return {
            "template": self.template.source,
            "verbalizer": dict(zip(self.labels, self.words, strict=True)),
            "instruction": self.instruction,
            "labels": self.labels,
            "normalize": self.normalize,
        }

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        model, self.masked = pretrained_lm.build(self, backbone, dropout)
        self.tokenizer = load_tokenizer(backbone)
        self._check_words(backbone)
        self.max_prompt_tokens = most_tokens(model, self.tokenizer)
        (empty,) = self.encode([dict.fromkeys(self.template.columns, "")], truncate=False)
        self._rows, self.overhead = len(empty.rows), empty.length
        if self.overhead >= self.max_prompt_tokens:
            raise ValueError(
                f"--model.task.template: takes {self.overhead} tokens and leaves no room for a "
                f"text; {backbone} reads {self.max_prompt_tokens}"
            )
        return model

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
        """Encode the prompts of rows.

        Args:
            rows: The texts of each row by column.
            demonstration_prefixes: Text before each prompt; none if not given.
            truncate: Whether to truncate texts so that the prompt fits into the context.
        """
        prefixes = demonstration_prefixes or [""] * len(rows)
        read = scoring.encode_cloze if self.masked else scoring.encode_causal
        prompts = [self.prompt(*pair) for pair in zip(rows, prefixes, strict=True)]
        encoded = read(self.tokenizer, prompts, self.words)
        for number in range(len(encoded)) if truncate else ():
            row = rows[number]
            while (over := encoded[number].length - self.max_prompt_tokens) > 0:
                row = self._truncated(row, over)
                prompt = self.prompt(row, prefixes[number])
                (encoded[number],) = read(self.tokenizer, [prompt], self.words)
        return encoded

    def _truncated(self, row: dict[str, str], tokens: int) -> dict[str, str]:
        """Return the row without so many tokens at the end of its longest text."""
        name = max(self.template.columns, key=lambda column: len(row[column]))
        options = {"add_special_tokens": False, "return_offsets_mapping": True, "verbose": False}
        ends = self.tokenizer(row[name], **options)["offset_mapping"]
        if len(ends) <= tokens:
            raise ValueError(
                f"--model.task.template: the prompt without its texts is longer than the "
                f"{self.max_prompt_tokens} tokens that the backbone reads"
            )
        return {**row, name: row[name][: ends[len(ends) - tokens][0]].rstrip()}

    def prepare(
        self,
        batch: LabelledBatch,
        training: bool,
        demonstration_prefixes: Sequence[str] | None = None,
    ) -> scoring.LabelledPrompts:
        """Return the batch with the prompts' tokens in place of the texts'."""
        names, columns = batch["columns"], zip(*batch["columns"].values(), strict=True)
        rows = [dict(zip(names, values, strict=True)) for values in columns]
        encoded = self.encode(rows, demonstration_prefixes)
        device = next(v.device for v in batch.values() if isinstance(v, Tensor))
        return {
            **batch,
            **scoring.collate(encoded, pad_id(self.tokenizer), device),
        }

    def logits(self, model: Any, batch: Any, prefix_cache: PrefixCache | None = None) -> Tensor:
        """Return the log-likelihoods of the words, (B, classes), for a prepared batch."""
        return scoring.answer_log_likelihoods(model, batch, self.normalize, prefix_cache)

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        return nn.functional.cross_entropy(logits.float(), batch["labels"])

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        kind: dict[str, Any] = {"task": "multiclass", "num_classes": len(self.labels)}
        return MetricCollection(
            {"accuracy": Accuracy(average="micro", **kind), "f1": F1Score(average="macro", **kind)}
        )

    def _check_words(self, backbone: str) -> None:
        """Refuse words that the tokenizer does not know, or cannot tell apart."""
        seen: dict[tuple[int, ...], str] = {}
        for label, word in zip(self.labels, self.words, strict=True):
            flag = f"--model.task.verbalizer.{label} {word}"
            ids = tuple(self.tokenizer(f" {word}", add_special_tokens=False)["input_ids"])
            unknown = self.tokenizer.unk_token_id
            if not ids or (unknown in ids and unknown != self.tokenizer.eos_token_id):
                raise ValueError(f"{flag}: {backbone} has no tokens for it")
            if ids in seen:
                raise ValueError(f"{flag}: to {backbone} the same tokens as {seen[ids]!r}")
            seen[ids] = word
