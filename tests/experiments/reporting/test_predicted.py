"""The kept predictions: their file, and their measures against the reference libraries."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from torch.nn import functional as F
from torchmetrics.functional.classification import multiclass_calibration_error

from datamodules import text_tables
from datamodules.text_splits import TextSplit
from experiments.reporting.predicted import mistakes, screen, table
from experiments.reporting.predicted.measures import measures
from tests.experiments.reporting import predictions

MADE = {
    "class": predictions.classes,
    "several": predictions.several,
    "number": predictions.numbers,
}


@pytest.mark.parametrize("kind", MADE)
def test_the_file_gives_back_what_was_written(kind, tmp_path):
    one, *_ = MADE[kind]()
    file = tmp_path / table.FILE
    table.write(file, {"validation": one, "test": one})
    assert [path.name for path in tmp_path.iterdir()] == [table.FILE]
    found = table.read(file)
    assert list(found) == ["validation", "test"]
    for name, value in vars(one).items():
        again = getattr(found["test"], name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(again, value)
        else:
            assert (list(again) == list(value)) if value is not None else again is None, name


def test_long_texts_are_cut_and_pairs_and_file_names_are_kept(tmp_path):
    split = TextSplit(["x" * 600, "短"], ["a", "b"], [0, 1], ["neg/1.txt", "12"])
    one = predictions.of_logits("class", ["n", "p"], torch.tensor([0, 1]), torch.eye(2))
    columns = {"index": torch.tensor([1, 0])}
    arrays = {n: torch.tensor(getattr(one, n)) for n in ("label", "prediction", "loss")}
    made = table.of_columns({**columns, **arrays}, "class", ["n", "p"], split)
    table.write(tmp_path / table.FILE, {"test": made})
    found = table.read(tmp_path / table.FILE)["test"]
    assert found.texts == ["短", "x" * 499 + "…"] and found.pairs == ["b", "a"]
    assert found.rows == [12, "neg/1.txt"]


@pytest.mark.parametrize("content", [b"", b"PAR1 no", None])
def test_a_file_of_something_else_is_named(content, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = tmp_path / table.FILE
    if content is None:
        pq.write_table(pa.table({"a": [1]}), file)
    else:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=r"predictions.parquet: cannot be read as predictions \("):
        table.read(file)


@pytest.mark.parametrize("many", [2, 4, 40])
def test_measures_of_classes_are_those_of_the_libraries(many):
    one, labels, logits = predictions.classes(400, many)
    found = measures(one, [1] * 3 + [0])
    guesses = logits.argmax(1)
    figures = precision_recall_fscore_support(
        labels, guesses, labels=range(many), zero_division=np.nan
    )
    for at, name in enumerate(("precision", "recall", "f1", "support")):
        mine = [np.nan if c[name] is None else c[name] for c in found["classes"]]
        np.testing.assert_allclose(mine, figures[at])
    chances = logits.softmax(1)
    wanted = multiclass_calibration_error(chances, labels, many, n_bins=15)
    assert found["ece"] == pytest.approx(float(wanted), abs=1e-6)
    assert found["accuracy"] == found["f1_micro"] == int((labels == guesses).sum()) / 400
    rows = int((labels == 1).sum())
    assert found["baseline"] == {"label": "c1", "accuracy": rows / 400}
    matrix = confusion_matrix(labels, guesses)
    assert found.get("confusion") == (matrix.tolist() if many <= 30 else None)
    np.fill_diagonal(matrix, 0)
    assert found["confusions"][0]["rows"] == matrix.max() and len(found["confusions"]) <= 20
    np.testing.assert_allclose(one.loss, F.cross_entropy(logits, labels, reduction="none"))
    top = chances.sort(1, descending=True).values
    np.testing.assert_allclose(one.margin, top[:, 0] - top[:, 1], atol=1e-6)


def test_measures_of_several_labels_and_of_numbers():
    one, labels, logits = predictions.several()
    found = measures(one, [[], [], [0]])
    figures = precision_recall_fscore_support(labels, logits > 0)
    np.testing.assert_allclose([c["f1"] for c in found["classes"]], figures[2])
    yes = torch.tensor(one.probabilities).reshape(-1)
    wanted = multiclass_calibration_error(
        torch.stack([1 - yes, yes], 1), labels.reshape(-1), 2, n_bins=15
    )
    assert found["ece"] == pytest.approx(float(wanted), abs=1e-6)
    none = (labels.sum(1) == 0).float().mean().item()
    assert found["baseline"] == {"label": "none", "exact_match": pytest.approx(none)}
    wanted = F.binary_cross_entropy_with_logits(logits, labels.float(), reduction="none").mean(1)
    np.testing.assert_allclose(one.loss, wanted, rtol=1e-6)
    one, labels, said = predictions.numbers()
    found = measures(one, [1.0, 3.0])
    assert found["mse"] == pytest.approx(F.mse_loss(said, labels).item())
    assert found["baseline"]["prediction"] == 2.0
    assert found["baseline"]["mse"] == pytest.approx(float(((labels - 2) ** 2).mean()))


def test_a_class_that_never_occurs_a_single_class_and_no_rows():
    names = ["never", "only"]
    one = predictions.of_logits("class", names, torch.tensor([1, 1]), torch.tensor([[0.0, 1]] * 2))
    found = measures(one, [0, 0, 1])
    assert found["classes"][0] == {"name": "never", "support": 0, "predicted": 0} | dict.fromkeys(
        ("precision", "recall", "f1")
    )
    assert found["accuracy"] == found["f1_macro"] == 1.0 and found["confusions"] == []
    assert found["baseline"] == {"label": "never", "accuracy": 0.0}
    assert "–" in screen.classes(found) and screen.confused(found) == ""
    empty = predictions.of_logits(
        "class", names, torch.zeros(0, dtype=torch.long), torch.zeros(0, 2)
    )
    assert measures(empty) == {"kind": "class", "rows": 0}
    assert screen.classes(measures(empty)) == screen.baseline(measures(empty)) == ""
    lost = predictions.of_logits("class", names, torch.tensor([1]), torch.tensor([[np.nan, 0]]))
    assert measures(lost)["ece"] is None


def test_ten_thousand_classes_are_few_lines_and_few_numbers():
    names = [f"class {n}" for n in range(10_000)]
    labels = torch.arange(50) * 100
    logits = torch.zeros(50, 10_000).scatter(1, (labels + torch.arange(50) % 2)[:, None], 5.0)
    one = predictions.of_logits("class", names, labels, logits)
    assert one.probabilities is None
    found = measures(one)
    assert "confusion" not in found and len(found["confusions"]) == 20
    lines = screen.classes(found).splitlines()
    assert len(lines) == 10 and lines[1].split()[-1] == "1"
    assert lines[-1] == "the least F1 of 10,000; 9,992 more, 9,925 of them without a row"


def test_the_screen_fits_80_columns_with_chinese_names():
    many, _, _ = predictions.classes(400, 12)
    long = [f"{'售后服务与退款退货的各种问题' * 3}{n}" for n in range(12)]
    named = table.Predicted(**{**vars(many), "names": long})
    found = measures(named)
    shown = [*screen.classes(found).splitlines(), screen.confused(found), screen.baseline(found)]
    assert len(shown) == 12
    for line in shown:
        assert text_tables.width(f"  confused  {line}") <= 80, line


def test_the_longest_and_the_rarest_rows_are_told_apart():
    texts = ["the film", "the film", "the zebra", "好电影", "好电影院 " + "x " * 300]
    labels = torch.tensor([0, 0, 1, 0, 1])
    logits = torch.tensor([[1.0, 0]] * 3 + [[1.0, 0], [3.0, 0]])
    one = predictions.of_logits("class", ["a", "b"], labels, logits, texts)
    assert mistakes.rarity(one).round(2).tolist() == [0, 0, 0.5, 0, 0.4]  # 院 and x
    assert mistakes.worst(one, 9) == [4, 2] and one.lengths.tolist() == [8, 8, 9, 3, 605]
    parts = mistakes.slices(one, mistakes.rarity(one))
    longest = [part for part in parts if part["by"] == "characters"][-1]
    assert longest["to"] == "605" and longest["right"] == 0.0
    assert sum(part["rows"] for part in parts) == 10
    numbers, labels, said = predictions.numbers()
    order = mistakes.worst(numbers, 3)
    assert order == (said - labels).abs().argsort(descending=True)[:3].tolist()
