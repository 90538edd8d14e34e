"""Zero-shot accuracy of a chat model on tasks outside its training data, before and after."""

import math
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from callbacks.before_and_after import BeforeAndAfter


class UnseenTasks(BeforeAndAfter):
    """Measures zero-shot accuracy on labelled tasks that were not trained on, and its change.

    Scores are calibrated by those for texts without content (Zhao et al. 2021). The change is
    compared with its 95 % interval over the same questions.
    """

    data_methods = ("questions", "chat_tokenizer")
    task_methods = ("label_scores",)

    def _measured(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        # Without a task that was asked for there is nothing to measure, and nothing to say.
        asked = getattr(trainer.datamodule, "unseen", True)
        return super()._measured(trainer, pl_module) if asked else {"right": {}}

    def measure(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        data, right = trainer.datamodule, {}
        for task in data.questions():
            with pl_module.autocast():
                scores, leaning = (
                    pl_module.task.label_scores(
                        pl_module.model, data.chat_tokenizer, prompts, task.words
                    ).float()
                    for prompts in (task.prompts, task.neutral)
                )
            guesses = (scores - leaning.mean(0)).argmax(1).tolist()
            right[task.name] = [
                guess == label for guess, label in zip(guesses, task.labels, strict=True)
            ]
        return {"right": right}

    def conclude(self, trainer: Trainer, pl_module: LightningModule, after: dict) -> None:
        for name, now in after["right"].items():
            before = self.before["right"][name]
            change, interval = accuracy_change(before, now)
            pl_module.log(f"before/{name}", sum(before) / len(before), rank_zero_only=True)
            pl_module.log(f"test/{name}", sum(now) / len(now), rank_zero_only=True)
            if trainer.is_global_zero:
                verdict = "within it" if abs(change) <= interval else "more than that"
                print(
                    f"  {name}, not taught: zero-shot accuracy {sum(before) / len(before):.3f} → "
                    f"{sum(now) / len(now):.3f}, {change:+.3f} with an interval of ± "
                    f"{interval:.3f}: {verdict}"
                )


def accuracy_change(before: list[bool], after: list[bool]) -> tuple[float, float]:
    """Return the difference of two accuracies on the same rows, and half its 95 % interval."""
    differences = [now - then for then, now in zip(before, after, strict=True)]
    count = len(differences)
    mean = sum(differences) / count
    variance = sum((d - mean) ** 2 for d in differences) / max(1, count - 1)
    return mean, 1.96 * math.sqrt(variance / count)
