"""Metrics of text vectors: heads on top of them, retrieval, and the order of cosines."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection, SpearmanCorrCoef
from torchmetrics.utilities import dim_zero_cat

Classifier = Literal["logistic", "centroid"]
# The validation metric that chooses the best checkpoint, by what vectors are trained by.
MONITORS: dict[str, tuple[str, Literal["max"]]] = {
    "labels": ("val/accuracy", "max"),
    "pairs": ("val/mrr", "max"),
    "scores": ("val/spearman", "max"),
}


class HeadAccuracy(Metric):
    """Computes the accuracy of a simple head that is fitted to the training vectors.

    Args:
        task: A task whose attribute ``examples`` holds the training vectors and their labels,
            (N, H) and (N,), or None; then the value is NaN.
        head: logistic, a regression with the regularisation of scikit-learn's default; or centroid,
            the class whose mean vector is nearest by cosine.
    """

    full_state_update = False
    vectors: list[Tensor]
    labels: list[Tensor]

    def __init__(self, task: Any, head: Classifier) -> None:
        super().__init__()
        self.task, self.head = task, head
        for name in ("vectors", "labels"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, vectors_BH: Tensor, labels_B: Tensor) -> None:
        """Add a batch."""
        self.vectors.append(vectors_BH)
        self.labels.append(labels_B)

    def compute(self) -> Tensor:
        """Return the accuracy, a scalar."""
        if self.task.examples is None:
            return torch.tensor(torch.nan)
        scores = logistic_scores if self.head == "logistic" else centroid_scores
        vectors_NH, labels_N = dim_zero_cat(self.vectors), dim_zero_cat(self.labels)
        examples_EH, classes_E = (part.to(vectors_NH.device) for part in self.task.examples)
        return (scores(examples_EH, classes_E, vectors_NH).argmax(1) == labels_N).float().mean()

    def __deepcopy__(self, memo: dict) -> "HeadAccuracy":
        made = type(self)(self.task, self.head)  # one task, not a copy with its data
        made.vectors, made.labels = list(self.vectors), list(self.labels)
        return made


def centroid_scores(examples_EH: Tensor, classes_E: Tensor, vectors_NH: Tensor) -> Tensor:
    """Return the cosine with each class's mean, (N, classes); -inf of one without an example."""
    one_hot_EC = nn.functional.one_hot(classes_E).to(examples_EH)
    means_CH = nn.functional.normalize(one_hot_EC.T @ examples_EH, dim=1)
    return (vectors_NH @ means_CH.T).masked_fill(one_hot_EC.sum(0) == 0, -torch.inf)


def logistic_scores(examples_EH: Tensor, classes_E: Tensor, vectors_NH: Tensor) -> Tensor:
    """Return the logits of a logistic regression, (N, classes), fitted to the examples.

    Half of the squared weights is added to the summed loss, as scikit-learn does for C = 1.
    """
    count = int(classes_E.max()) + 1
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
        inputs_EH, goal_E = examples_EH.double().clone(), classes_E.clone()
        weight_CH = inputs_EH.new_zeros(count, inputs_EH.shape[1], requires_grad=True)
        bias_C = inputs_EH.new_zeros(count, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [weight_CH, bias_C], max_iter=200, line_search_fn="strong_wolfe"
        )

        def objective() -> Tensor:
            optimizer.zero_grad()
            logits_EC = inputs_EH @ weight_CH.T + bias_C
            loss = nn.functional.cross_entropy(logits_EC, goal_E, reduction="sum")
            loss = loss + weight_CH.square().sum() / 2
            loss.backward()
            return loss

        optimizer.step(objective)
    return vectors_NH.double() @ weight_CH.detach().T + bias_C.detach()


class Retrieval(Metric):
    """Finds the second text of each pair among the second texts of all rows, by cosine.

    Args:
        most: The number of places within which it counts as found; None for the mean of 1 / place
            (mean reciprocal rank).
    """

    full_state_update = False
    vectors: list[Tensor]
    keys: list[Tensor]

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.most = most
        for name in ("vectors", "keys"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, vectors_B2H: Tensor, keys_B2: Tensor) -> None:
        """Add a batch: the vectors of both texts, and numbers that are equal for equal texts."""
        self.vectors.append(vectors_B2H)
        self.keys.append(keys_B2)

    def compute(self) -> Tensor:
        """Return the value, a scalar. Texts that stand in several rows are one candidate."""
        vectors_N2H, keys_N2 = dim_zero_cat(self.vectors), dim_zero_cat(self.keys)
        _, own_N = keys_N2[:, 1].unique(return_inverse=True)
        first_C = own_N.new_full((int(own_N.max()) + 1,), len(own_N))
        places_N = torch.arange(len(own_N), device=own_N.device)
        first_C = first_C.scatter_reduce(0, own_N, places_N, "amin")
        total = torch.zeros((), device=own_N.device)
        for part in torch.arange(len(own_N), device=own_N.device).split(1024):
            cosine_BC = vectors_N2H[part, 0] @ vectors_N2H[first_C, 1].T
            right_B1 = cosine_BC.gather(1, own_N[part, None])
            # Equal cosines share the mean of their places: vectors that are all alike find nothing.
            ahead_B, behind_B = (cosine_BC > right_B1).sum(1), (cosine_BC < right_B1).sum(1)
            place_B = (1 + ahead_B + cosine_BC.shape[1] - behind_B) / 2
            value_B = 1 / place_B if self.most is None else (place_B <= self.most).float()
            total = total + value_B.sum()
        return total / len(own_N)


class CosineSpearman(SpearmanCorrCoef):
    """Computes Spearman's rank correlation of the cosines of pairs with their scores."""

    def update(self, vectors_B2H: Tensor, scores_B: Tensor) -> None:  # type: ignore[override]
        """Add a batch: the vectors of both texts of each pair, and its score."""
        super().update((vectors_B2H[:, 0] * vectors_B2H[:, 1]).sum(1), scores_B)


def named(task: Any) -> dict[str, Metric | MetricCollection]:
    """Return the metrics of an evaluation by name; none of texts without labels or pairs."""
    found: dict[str, dict[str, Metric | MetricCollection]] = {
        "labels": {
            "accuracy": HeadAccuracy(task, "logistic"),
            "centroid_accuracy": HeadAccuracy(task, "centroid"),
        },
        "pairs": {
            "mrr": Retrieval(),
            "recall_at_1": Retrieval(1),
            "recall_at_10": Retrieval(10),
        },
        "scores": {"spearman": CosineSpearman()},
    }
    return found.get(task.positives, {})
