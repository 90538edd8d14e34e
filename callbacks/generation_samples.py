"""Answers of a chat model before and after its training."""

import json
from pathlib import Path
from typing import Any

import torch
from jsonargparse.typing import NonNegativeInt, PositiveInt
from lightning.pytorch import LightningModule, Trainer

from callbacks.before_and_after import BeforeAndAfter
from callbacks.tables import log_table, shortened
from callbacks.written_scores import rouge_l, same_words
from datamodules.whole_files import write_text

PROMPTS = (
    "What is the capital of France?",
    "Name three fruits.",
    "Summarise in one sentence: The shop opens at nine, closes at noon for an hour, and stays open "
    "until six in the evening.",
    "Write a polite reply that declines an invitation to dinner.",
    "Rewrite in the past tense: I walk to the station and take the train.",
    "Give me a word that rhymes with light.",
    "Explain to a child why the sky is blue.",
    "What is 17 + 25?",
)


class GenerationSamples(BeforeAndAfter):
    """Logs greedy answers to fixed prompts and to test records, and the loss on test responses.

    Answers to test records are compared with their references by exact match and ROUGE-L. All
    answers go into a table of the run and into answers.json in its folder.

    Args:
        prompts: Fixed prompts. By default eight general ones beside bundled records, and none
            beside your own, which are asked themselves.
        references: Number of test records to answer.
        max_new_tokens: Tokens after which an answer is cut, and its reference with it.
    """

    data_methods = ("references", "prompt_ids", "chat_tokenizer", "unsharded_test_dataloader")
    task_methods = ("generate",)

    def __init__(
        self,
        prompts: list[str] | None = None,
        references: NonNegativeInt = 32,
        max_new_tokens: PositiveInt = 64,
    ) -> None:
        super().__init__()
        self.prompts = list(PROMPTS if prompts is None else prompts)
        self._by_data = prompts is None
        self.references, self.max_new_tokens = int(references), int(max_new_tokens)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if self._by_data and trainer.datamodule.facts()["source"] not in ("bundled", "hub"):
            self.prompts = []

    def measure(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        data = trainer.datamodule
        records, tokenizer = data.references(self.references), data.chat_tokenizer
        asked = [data.prompt_ids(text) for text in self.prompts] + [ids for _, ids, _ in records]
        with pl_module.autocast():
            said = pl_module.task.generate(pl_module.model, tokenizer, asked, self.max_new_tokens)
        # What is compared is as long as an answer may be.
        kept = [tokenizer(text, add_special_tokens=False)["input_ids"] for _, _, text in records]
        whole = [tokenizer.decode(ids[: self.max_new_tokens]).strip() for ids in kept]
        pairs = list(zip(said[len(self.prompts) :], whole, strict=True))
        found: dict[str, Any] = {"answers": said}
        if pairs:
            found["rouge_l"] = sum(rouge_l(*pair) for pair in pairs) / len(pairs)
            found["exact_match"] = sum(same_words(*pair) for pair in pairs) / len(pairs)
        if not self.before:  # the loss after it is the test's own
            found["loss"] = _loss(trainer, pl_module)
        return found

    def conclude(self, trainer: Trainer, pl_module: LightningModule, after: dict) -> None:
        records = trainer.datamodule.references(self.references)
        texts = self.prompts + [text for text, _, _ in records]
        wanted = [""] * len(self.prompts) + [reference for _, _, reference in records]
        rows = [
            list(row)
            for row in zip(texts, wanted, self.before["answers"], after["answers"], strict=True)
        ]
        for name in ("rouge_l", "exact_match"):
            if name in after:
                pl_module.log(f"before/{name}", self.before[name], rank_zero_only=True)
                pl_module.log(f"test/{name}", after[name], rank_zero_only=True)
        pl_module.log("before/loss", self.before["loss"], rank_zero_only=True)
        if not trainer.is_global_zero:
            return
        columns = ["prompt", "reference", "before", "after"]
        log_table(trainer, "test/answers", columns, rows)
        held = [dict(zip(columns, row, strict=True)) for row in rows]
        text = json.dumps(held, indent=2, ensure_ascii=False)
        write_text(Path(trainer.default_root_dir) / "answers.json", text + "\n")
        print("\n" + _shown(held[: len(self.prompts) or len(PROMPTS)]))


@torch.no_grad()
def _loss(trainer: Trainer, module: LightningModule) -> float:
    """Return the mean loss over the learned tokens of the test records."""
    total = count = 0.0
    for batch in trainer.datamodule.unsharded_test_dataloader():
        batch = {name: value.to(module.device) for name, value in batch.items()}
        batch = module.task.prepare(batch, training=False)
        size = float(module.task.num_targets(batch))
        total += float(module.task.loss(module(batch), batch)) * size
        count += size
    return total / max(1.0, count)


def _shown(rows: list[dict[str, str]]) -> str:
    lines = []
    for row in rows:
        lines.append(f"  {shortened(row['prompt'], 100)}")
        lines += [
            f"    {name:8}{shortened(row[key], 100)}"
            for name, key in (("wanted", "reference"), ("before", "before"), ("after", "after"))
            if row[key] or key != "reference"
        ]
    return "\n".join(lines)
