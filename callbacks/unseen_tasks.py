"""Zero-shot answers of a chat model to tasks outside its training data, before and after."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer

from callbacks.before_and_after import BeforeAndAfter
from callbacks.paired_changes import mean_change, spread_change
from callbacks.tables import log_table
from callbacks.written_scores import rouge_l

_COLUMNS = ["task", "wording", "before", "after"]


class UnseenTasks(BeforeAndAfter):
    """Measures zero-shot answers to tasks that were not trained on, and their change.

    Classes are scored by accuracy, calibrated by the scores for texts without content (Zhao et al.
    2021), and written answers by ROUGE-L (Wang et al. 2022, Super-NaturalInstructions). The change
    is compared with its 95 % interval over the same questions. Where a task is asked in several
    wordings, so is the standard deviation over them.
    """

    data_methods = ("questions", "chat_tokenizer")
    task_methods = ("label_scores", "generate")

    def _measured(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        # Without a task that was asked for there is nothing to measure, and nothing to say.
        asked = getattr(trainer.datamodule, "unseen", True)
        return super()._measured(trainer, pl_module) if asked else {"scores": {}}

    def measure(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """The score of each task's questions, W wordings of N: 0 or 1, or between them."""
        data, scores = trainer.datamodule, {}
        for task in data.questions():
            find = _right if task.labels else _written
            with pl_module.autocast():
                scores[task.name] = [
                    find(pl_module, data.chat_tokenizer, task, number)
                    for number in range(len(task.wordings))
                ]
        return {"scores": scores}

    def conclude(self, trainer: Trainer, pl_module: LightningModule, after: dict) -> None:
        if not after["scores"]:
            return
        rows = []
        for task in trainer.datamodule.questions():
            pair = self.before["scores"][task.name], after["scores"][task.name]
            rows += [
                [task.name, wording, sum(then) / len(then), sum(now) / len(now)]
                for wording, then, now in zip(task.wordings, *pair, strict=True)
            ]
            name = task.name if task.labels else f"{task.name}_rouge_l"
            lines = [_line(pl_module, task, name, *pair)]
            if len(task.wordings) > 1:
                lines.append(_spread_line(pl_module, name, *pair))
            if trainer.is_global_zero:
                print("\n".join(lines))
        if trainer.is_global_zero:
            log_table(trainer, "test/unseen_tasks", _COLUMNS, rows)


def _right(module: Any, tokenizer: Any, task: Any, number: int) -> list[float]:
    """Whether each question is answered with its class, N."""
    scores, leaning = (
        module.task.label_scores(module.model, tokenizer, prompts, task.words).float()
        for prompts in (task.prompts[number], task.neutral[number])
    )
    guesses = (scores - leaning.mean(0)).argmax(1).tolist()
    return [float(guess == label) for guess, label in zip(guesses, task.labels, strict=True)]


def _written(module: Any, tokenizer: Any, task: Any, number: int) -> list[float]:
    """ROUGE-L of each written answer, N."""
    asked = [
        tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in task.prompts[number]
    ]
    said = module.task.generate(module.model, tokenizer, asked, task.max_new_tokens)
    return [rouge_l(*pair) for pair in zip(said, task.answers, strict=True)]


def _line(module: Any, task: Any, name: str, before: list, after: list) -> str:
    """Log the mean score over wordings and questions, and say how it changed."""
    found = mean_change(before, after)
    module.log(f"before/{name}", found.before, rank_zero_only=True)
    module.log(f"test/{name}", found.after, rank_zero_only=True)
    taught = f", of a kind that is ({task.kind}, by {', '.join(task.siblings)})"
    measure = "accuracy" if task.labels else "ROUGE-L"
    return (
        f"  {task.name}, not taught{taught if task.siblings else ''}: zero-shot {measure} "
        f"{found.before:.3f} → {found.after:.3f}, {found.change:+.3f}; the 95 % interval over the "
        f"same {len(before[0]):,} questions, {found.interval}"
    )


def _spread_line(module: Any, name: str, before: list, after: list) -> str:
    """Log the standard deviation and the range over wordings, and say how the first changed."""
    found = spread_change(before, after)
    ranges = []
    for when, scores in (("before", before), ("test", after)):
        means = [sum(row) / len(row) for row in scores]
        value = found.before if when == "before" else found.after
        module.log(f"{when}/{name}_wordings_std", value, rank_zero_only=True)
        module.log(f"{when}/{name}_wordings_min", min(means), rank_zero_only=True)
        module.log(f"{when}/{name}_wordings_max", max(means), rank_zero_only=True)
        ranges.append(f"{min(means):.3f} to {max(means):.3f}")
    return (
        f"    over {len(before)} wordings: from {ranges[0]} before, from {ranges[1]} after; "
        f"standard deviation {found.before:.3f} → {found.after:.3f}, {found.change:+.3f}; the 95 % "
        f"interval over the same questions, {found.interval}"
    )
