"""Weights, focal loss and smoothing of classes against their closed forms."""

import math

import pytest
import torch
from torch.nn import functional as F

from modules import Classification, FullFineTuning, PairClassification, tasks
from tests import tiny

LABELS = ["a", "b", "c"]
LOGITS = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0], [0.2, 0.1, 0.0]])
TARGETS = torch.tensor([1, 0, 2])
CHANCES = [
    math.exp(row[y]) / sum(map(math.exp, row))
    for row, y in zip(LOGITS.tolist(), (1, 0, 2), strict=True)
]
EXTREMES = torch.tensor([[200.0, 0.0, 0.0], [0.0, 200.0, 0.0]])


@pytest.fixture(params=[Classification, PairClassification])
def task_of(request):
    return lambda **settings: request.param(LABELS, **settings)


def loss_of(task, logits=LOGITS, targets=TARGETS, training=True):
    return task.loss(logits, task.prepare({"labels": targets}, training))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_loss_is_that_of_its_paper(gamma, task_of):
    wanted = sum(-((1 - p) ** gamma) * math.log(p) for p in CHANCES) / 3
    assert float(loss_of(task_of(focal_gamma=gamma))) == pytest.approx(wanted)
    logits = EXTREMES.clone().requires_grad_()  # a probability of 1 and one of 0
    found = loss_of(task_of(focal_gamma=gamma), logits, torch.tensor([0, 0]))
    found.backward()
    assert float(found.detach()) == pytest.approx(100.0) and logits.grad.isfinite().all()


def test_weights_by_name_multiply_each_row(task_of):
    task = task_of(class_weights={"b": 3, "c": 0.5}, focal_gamma=2.0)
    wanted = sum(
        w * -((1 - p) ** 2) * math.log(p) for w, p in zip((3, 1, 0.5), CHANCES, strict=True)
    )
    assert float(loss_of(task)) == pytest.approx(wanted / 3)
    smooth = task_of(class_weights={"b": 3, "c": 0.5}, label_smoothing=0.2)
    weights = torch.tensor([1.0, 3.0, 0.5])
    wanted = F.cross_entropy(LOGITS, TARGETS, weights, label_smoothing=0.2, reduction="sum") / 3
    assert float(loss_of(smooth)) == pytest.approx(float(wanted))


def test_an_evaluation_has_the_plain_cross_entropy(task_of):
    plain = F.cross_entropy(LOGITS, TARGETS)
    task = task_of(class_weights={"b": 3}, focal_gamma=2.0, label_smoothing=0.1)
    assert torch.equal(loss_of(task, training=False), plain) and loss_of(task) != plain
    assert torch.equal(loss_of(task_of(), training=True), plain)


def test_balanced_weights_follow_the_training_rows(bert, reviews, tmp_path):
    lines = (reviews / "train.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "train.jsonl").write_text(
        "".join([one for one in lines if "positive" in one][:9])
        + "".join([one for one in lines if "negative" in one][:3])
    )
    for name in ("dev", "test"):
        (tmp_path / f"{name}.jsonl").write_text((reviews / f"{name}.jsonl").read_text())
    data = tiny.read(tmp_path, bert, batch_size=4)
    task = Classification(["negative", "positive"], class_weights="balanced")
    module = tiny.make(FullFineTuning, bert, task=task)
    tiny.fit(module, data, max_epochs=1)
    assert module.task.class_loss.weights.tolist() == pytest.approx([12 / (2 * 3), 12 / (2 * 9)])
    again = tasks.from_dict(tasks.to_dict(module.task))
    with pytest.raises(ValueError, match=r"class_weights balanced: .* give a weight for each name"):
        loss_of(again)
    assert loss_of(again, training=False) > 0


def test_a_class_without_a_row_gets_no_infinite_weight():
    class Data:
        class_counts = (0, 3, 3)

    task = Classification(LABELS, class_weights="balanced")
    task.read_data(Data())
    assert task.class_loss.weights.tolist() == [2.0, pytest.approx(2 / 3), pytest.approx(2 / 3)]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"x": 1.0}, r"class_weights x: no such class; there are a, b, c$"),
        ({"a": -1.0}, r"class_weights a: -1.0 is no weight"),
        ({"a": float("nan")}, r"class_weights a: nan is no weight"),
        (dict.fromkeys(LABELS, 0.0), r"class_weights: all are 0"),
    ],
)
def test_weights_that_cannot_be(weights, said, task_of):
    with pytest.raises(ValueError, match=said):
        task_of(class_weights=weights)
