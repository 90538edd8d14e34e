"""Loss and metrics of one class for each row; the loss is plain, weighted, smoothed or focal."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchmetrics import Accuracy, F1Score, MetricCollection

ClassWeights = Literal["none", "balanced"] | dict[str, float]


class ClassLoss:
    """Cross-entropy of N rows, in training with weights, label smoothing and focus.

    The loss of a row is w[y] (1 - p[y])^gamma times its cross-entropy (Lin et al. 2017,
    https://arxiv.org/abs/1708.02002), and that of a batch is its mean over rows. An evaluation's is
    the plain cross-entropy, so that it can be compared between runs.

    Args:
        labels: Class names in the order of their ids.
        class_weights: none; balanced, rows / (classes · rows of the class) in the training data; or
            a weight for each name, 1 for a name that is left out.
        label_smoothing: Share of the target that is spread over all classes.
        focal_gamma: Focus on rows with a low probability; 0 is the cross-entropy.
    """

    def __init__(
        self,
        labels: list[str],
        class_weights: ClassWeights = "none",
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
    ) -> None:
        self.class_weights, self.label_smoothing = class_weights, label_smoothing
        self.focal_gamma = focal_gamma
        self.weights: Tensor | None = None  # (classes,)
        if isinstance(class_weights, Mapping):
            given: dict[str, Any] = {str(name): value for name, value in class_weights.items()}
            for name, weight in given.items():
                flag = f"--model.task.class_weights {name}"
                if name not in labels:
                    there = ", ".join(labels[:8]) + ", ..." * (len(labels) > 8)
                    raise ValueError(f"{flag}: no such class; there are {there}")
                if not 0 <= weight < float("inf"):
                    raise ValueError(f"{flag}: {weight} is no weight; give a number from 0 on")
            self.weights = torch.tensor([float(given.get(name, 1.0)) for name in labels])
            if not self.weights.any():
                raise ValueError("--model.task.class_weights: all are 0, so nothing would train")

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss, for checkpoints."""
        return {
            "class_weights": self.class_weights,
            "label_smoothing": self.label_smoothing,
            "focal_gamma": self.focal_gamma,
        }

    def read_data(self, data: Any) -> None:
        """Balance the weights, where they are to be balanced, by a data module that counts."""
        counts = getattr(data, "class_counts", None)
        if self.class_weights == "balanced" and counts is not None:
            rows = torch.as_tensor(counts, dtype=torch.float32)
            # The weight of a class without a row is never used.
            self.weights = rows.sum() / (len(rows) * rows.clamp(min=1))

    def __call__(self, logits: Tensor, labels: Tensor, training: bool = True) -> Tensor:
        """Return the mean loss over rows, a scalar.

        Args:
            logits: (N, classes).
            labels: (N,) int64.
            training: Whether the batch is trained on.

        Raises:
            ValueError: If balanced weights are wanted, and the training data are not known.
        """
        logits = logits.float()
        if not training:
            return nn.functional.cross_entropy(logits, labels)
        weighted, focal = self.class_weights != "none", self.focal_gamma
        if weighted and self.weights is None:
            raise ValueError(
                "--model.task.class_weights balanced: the rows of each class are not known without "
                "a data module that counts them; give a weight for each name"
            )
        weights = None if self.weights is None else self.weights.to(logits.device)
        smoothing = self.label_smoothing
        if not weighted and not focal:
            return nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        losses_N = nn.functional.cross_entropy(
            logits, labels, weights, label_smoothing=smoothing, reduction="none"
        )
        if focal:
            missed_N = 1 - logits.softmax(-1).gather(1, labels[:, None])[:, 0]
            # At 0 the power has no gradient if gamma is below 1.
            losses_N = missed_N.clamp(min=1e-7) ** focal * losses_N
        return losses_N.mean()


def class_metrics(labels: list[str]) -> MetricCollection:
    """Return the accuracy, and the F1 as a mean over the classes."""
    kind: dict[str, Any] = {"task": "multiclass", "num_classes": len(labels)}
    return MetricCollection(
        {"accuracy": Accuracy(average="micro", **kind), "f1": F1Score(average="macro", **kind)}
    )
