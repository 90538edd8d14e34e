"""Labels that a task has no output for are refused when the fit begins, in one line."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from datamodules import TextFiles
from modules import Classification, LoRA, MultiLabel, Regression
from modules.label_checks import check_batch, check_data
from tests import tiny


def table(folder, labels) -> str:
    rows = [f"a warm film number {n},{labels[n % len(labels)]}" for n in range(60)]
    (folder / "my.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    return str(folder / "my.csv")


def fit(folder, bert, names, task, **settings) -> None:
    data = TextFiles(source=table(folder, names), tokenizer=bert, **settings)
    module = tiny.make(LoRA, bert, task=task)
    tiny.trainer([], max_epochs=1, limit_train_batches=1).fit(module, data)


THREE = ("cold", "dull", "warm")


def test_default_task_and_three_classes(tmp_path, bert):
    """The default has two outputs, of which the data's third label is neither."""
    with pytest.raises(
        ValueError, match=r"made for 2 labels, and the data has 3 \(cold, dull, w"
    ) as e:
        fit(tmp_path, bert, THREE, None)
    assert "Classification(labels=data.label_names), or num_classes=3" in str(e.value)
    assert "\n" not in str(e.value)
    fit(tmp_path, bert, THREE, Classification(num_classes=3))
    fit(tmp_path, bert, THREE, Classification(labels=list(THREE)))


def test_other_order_and_other_kind(tmp_path, bert):
    with pytest.raises(ValueError, match="warm, dull, cold is another order than that of the data"):
        fit(tmp_path, bert, THREE, Classification(labels=list(THREE[::-1])))
    with pytest.raises(ValueError, match="--data.labels number: .* needs a class"):
        fit(tmp_path, bert, ("0.5", "1.5"), None, labels="number")
    with pytest.raises(ValueError, match="--data.labels class: .* needs a number"):
        fit(tmp_path, bert, THREE, Regression())


@pytest.mark.parametrize(
    ("names", "fits"),
    [
        (("cold", "dull"), True),  # no row is warm
        (("dull", "warm"), False),  # dull is 0 there, and 1 here
        (("cold", "warm", "dull"), False),
        (("cold", "dull", "hot"), None),  # only a reader knows
        (("a", "b", "c"), None),
        ({2: "warm", 0: "cold", 1: "dull"}, True),
        ({2: "cold", 0: "warm", 1: "dull"}, False),
        (None, True),
    ],
)
def test_names_of_a_data_module_of_ones_own(names, fits, capsys):
    data = SimpleNamespace(labels="class", label_names=names)
    if fits is False:
        with pytest.raises(ValueError, match="is another order than that of the data"):
            check_data(Classification(list(THREE)), data)
        return
    check_data(Classification(list(THREE)), data)
    check_data(Classification(num_classes=3), data)  # which has no names yet
    said = capsys.readouterr().err
    assert ("taken for the same in this order" in said) == (fits is None)
    assert said.count("\n") == (fits is None)


def test_a_data_module_without_names_passes():
    check_data(Classification(list(THREE)), SimpleNamespace(labels=["cold", "dull"]))
    check_data(Classification(list(THREE)), SimpleNamespace(labels="class"))


def test_loader_of_another_library(bert, reviews):
    """Lightning is given a loader alone, whose batches nobody has looked at."""
    rows = tiny.batch_of(bert, reviews)
    rows["labels"] = torch.full_like(rows["labels"], 4)
    loader = DataLoader([rows], batch_size=None)
    with pytest.raises(
        ValueError, match="2 classes, 0 to 1, and a row has the label 4; .*num_classes=5"
    ):
        tiny.trainer([], max_epochs=1).fit(tiny.make(LoRA, bert), loader)


@pytest.mark.parametrize(
    ("task", "labels", "said"),
    [
        (Classification(), torch.tensor([0, -1]), "the label -1; give task=Classification"),
        (Classification(), torch.tensor([0.0, 1.0]), "the labels are float32 of shape"),
        (Classification(), torch.tensor([[0, 1]]), "int64 of shape .1, 2."),
        (Regression(), torch.tensor([0, 1]), "the labels are int64"),
        (MultiLabel(labels=["a", "b", "c"]), torch.tensor([[0, 1]]), "made for 3 labels"),
        (MultiLabel(labels=["a", "b"]), torch.tensor([1, 0]), "made for 2 labels"),
    ],
)
def test_batches(task, labels, said):
    with pytest.raises(ValueError, match=said):
        check_batch(task, {"labels": labels})


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        (Classification(), torch.tensor([0, 1])),
        (Regression(), torch.tensor([0.5])),
        (MultiLabel(labels=["a", "b"]), torch.tensor([[0, 1]])),
    ],
)
def test_batches_that_fit(task, labels):
    check_batch(task, {"labels": labels})
    check_batch(task, {"input_ids": labels})
