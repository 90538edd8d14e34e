"""Tasks of one's own that give no names to their outputs, or outputs of another shape."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchmetrics import MetricCollection
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.modeling_outputs import SequenceClassifierOutput

import modules
from modules.outputs import head_logits
from modules.tasks.base import Task
from modules.tasks.heads import Head

TEXTS = ["a warm film of the year", "a dull film"]


class BareOwn(Task):
    """Builds its network itself, and has no labels."""

    monitor, mode, outputs = "val/loss", "min", 2
    auto = AutoModelForSequenceClassification

    def arguments(self) -> dict:
        return {}

    def build(self, backbone, dropout=None):
        return self.auto.from_pretrained(backbone, num_labels=self.outputs)

    def logits(self, model, batch):
        return model(batch["input_ids"], batch["attention_mask"]).logits

    def loss(self, logits, batch):
        return functional.cross_entropy(logits, batch["labels"])

    def metrics(self, stage):
        return MetricCollection({})


class BareSeveral(BareOwn):
    label_kind = "several"


class BareTags(BareOwn):
    label_kind, outputs, auto = "tags", 3, AutoModelForTokenClassification


class BareSpan(BareOwn):
    label_kind, pairs, auto = "span", True, AutoModelForQuestionAnswering

    def logits(self, model, batch):
        found = model(batch["input_ids"], batch["attention_mask"])
        return torch.stack([found.start_logits, found.end_logits], -1)


class BareHeaded(Task):
    """Names its outputs in its head alone."""

    monitor, mode = "val/loss", "min"

    def __init__(self) -> None:
        self.head = Head(["bad", "good"], pooling="native", dropout=None)

    arguments, loss, metrics = BareOwn.arguments, BareOwn.loss, BareOwn.metrics


class BareSingle(BareOwn):
    outputs = 1


class BareShort(BareOwn):
    outputs = 3

    def __init__(self) -> None:
        self.labels = ["bad", "good"]


class BareNumber(BareOwn):
    label_kind = "number"


class BareChoice(BareOwn):
    label_kind, outputs = "choice", 1


class BareSilent(BareOwn):
    label_kind = "none"


class BareWhole(BareOwn):
    """Returns all that its network does."""

    def logits(self, model, batch):
        return model(batch["input_ids"], batch["attention_mask"])


class BareNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.out = nn.Embedding(999, 4), nn.Linear(4, 2)

    def forward(self, input_ids, attention_mask):
        return SequenceClassifierOutput(logits=self.out(self.tokens(input_ids).mean(1)))


class BarePlain(BareOwn):
    def build(self, backbone, dropout=None):
        return BareNet()


def batch() -> dict:
    return {"input_ids": torch.full((2, 4), 6), "attention_mask": torch.ones(2, 4).long()}


@pytest.mark.quick_if(lambda case: case["task"] is BareOwn)
@pytest.mark.parametrize(
    ("task", "names"),
    [
        (BareOwn, ["LABEL_0", "LABEL_1"]),
        (BareSeveral, ["LABEL_0", "LABEL_1"]),
        (BareTags, ["LABEL_0", "LABEL_1", "LABEL_2"]),
        (BareHeaded, ["bad", "good"]),
    ],
)
def test_the_names_are_those_of_the_head_or_of_the_network(task, names, bert):
    module = modules.FullFineTuning(backbone=bert, task=task())
    found = module.predict(TEXTS)
    chances = module.predict_proba(TEXTS)
    assert module.label_names == names and len(found) == 2
    assert set(module.predict_step(batch(), 0)) == {"prediction", "logits"}
    if task is BareTags:
        assert [[word for word, _ in row] for row in found] == [text.split() for text in TEXTS]
        assert [row.shape for row in chances] == [(6, 3), (3, 3)]
    elif task is not BareSeveral:
        assert found == [names[number] for number in chances.argmax(1)]


def test_a_span_is_marked_as_by_the_task_of_the_library(bert):
    module = modules.FullFineTuning(backbone=bert, task=BareSpan())
    (found,) = module.predict([("a film", TEXTS[0])])
    assert found["answer"] and TEXTS[0][found["start"] : found["end"]] == found["answer"]
    with pytest.raises(ValueError, match="a batch lacks offsets and columns, which Bare"):
        module.predict_step(batch(), 0)


@pytest.mark.quick_if(lambda case: case["task"] in (BareSingle, BarePlain, BareSilent))
@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (
            BareSingle,
            "BareSingle: its network has one output, which is no class",
        ),
        (
            BareShort,
            "BareShort: its network has 3 outputs, and 2 labels have names",
        ),
        (
            BarePlain,
            "BarePlain: its network has 2 outputs, and no labels have names",
        ),
        (BareNumber, r"BareNumber.logits: must have the shape \(rows,\) or \(rows, 1\)"),
        (
            BareChoice,
            r"BareChoice.logits: must have the shape \(questions, choices\)",
        ),
        (
            BareSilent,
            "BareSilent: its label_kind is none",
        ),
        (
            BareWhole,
            "BareWhole.logits: must return a tensor to predict, and returns a Seq",
        ),
    ],
)
def test_outputs_that_say_nothing_are_refused(task, reason, bert):
    module = modules.FullFineTuning(backbone=bert, task=task())
    ways = [lambda: module.predict_step(batch(), 0), lambda: module.predict(TEXTS)]
    for predict in ways[: 1 if task is BareChoice else 2]:  # texts are no questions
        with pytest.raises(ValueError, match=f"^{reason}") as raised:
            predict()
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("task", [BareNumber, BareOwn])
def test_a_scalar_is_no_row(task):
    """A row of one number that is squeezed has no dimension left."""
    module = SimpleNamespace(task=task(), model=None, predict_logits=lambda batch: torch.ones(()))
    with pytest.raises(ValueError, match=rf"^{task.__name__}.logits: must have the shape \(rows"):
        head_logits(module, batch())


def test_a_question_may_have_fewer_choices_than_others():
    scores = torch.tensor([[0.5, 2.0, 1.0], [3.0, 1.0, -torch.inf]])
    module = SimpleNamespace(task=BareChoice(), model=None, predict_logits=lambda batch: scores)
    assert head_logits(module, batch()).argmax(1).tolist() == [1, 0]
    scores[0, 0] = torch.nan
    with pytest.raises(ValueError, match="are not finite"):
        head_logits(module, batch())


@pytest.mark.slow
def test_the_readme_names_the_class_that_opens_the_network(bert, tmp_path):
    """A task that leaves its auto_class as it is builds another network."""
    module = modules.FullFineTuning(backbone=bert, task=BareTags())
    text = (modules.export(module, tmp_path / "export") / "README.md").read_text()
    assert "from transformers import BertForTokenClassification, AutoTokenizer" in text
    assert "pipeline(" not in text
    text = modules.export(modules.FullFineTuning(backbone=bert), tmp_path / "other") / "README.md"
    assert "pipeline('text-classification', \".\")" in text.read_text()
