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
            change, low, high = accuracy_change(before, now)
            pl_module.log(f"before/{name}", sum(before) / len(before), rank_zero_only=True)
            pl_module.log(f"test/{name}", sum(now) / len(now), rank_zero_only=True)
            if trainer.is_global_zero:
                verdict = "holds 0" if low <= 0 <= high else "does not hold 0"
                print(
                    f"  {name}, not taught: zero-shot accuracy {sum(before) / len(before):.3f} → "
                    f"{sum(now) / len(now):.3f}, {change:+.3f}; the 95 % interval over the same "
                    f"questions, {low:+.3f} to {high:+.3f}, {verdict}"
                )


def accuracy_change(before: list[bool], after: list[bool]) -> tuple[float, float, float]:
    """Return the difference of two accuracies on the same rows, and both ends of its interval.

    The 95 % interval is that of two more rows, one better and one worse (Bonett and Price 2012).
    """
    pairs = list(zip(before, after, strict=True))
    better = sum(now and not then for then, now in pairs)
    worse = sum(then and not now for then, now in pairs)
    count = len(pairs) + 2
    middle, differ = (better - worse) / count, (better + worse + 2) / count
    half = 1.96 * math.sqrt((differ - middle**2) / count)
    ends = max(-1.0, middle - half), min(1.0, middle + half)
    return (better - worse) / len(pairs), *ends
