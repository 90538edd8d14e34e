"""What each row adds to a metric: its mean is the metric, and its spread the metric's error."""

import numpy as np
import pytest
import torch
from torchmetrics.functional import matthews_corrcoef, spearman_corrcoef
from torchmetrics.functional.classification import multiclass_f1_score, multilabel_f1_score

from experiments.reporting.predicted import table
from experiments.reporting.predicted.row_values import row_values
from experiments.reporting.quality import BOTH, ROWS, SEEDS, change, quality
from tests.experiments.reporting import predictions


def run(folder, found, **metrics):
    folder.mkdir()
    table.write(folder / table.FILE, {"test": found})
    return {"run": str(folder), "metrics": {f"test/{name}": v for name, v in metrics.items()}}


def ids(found):
    return torch.tensor(found.prediction), torch.tensor(found.label)


def made(tmp_path, kind, seed=0):
    if kind == "class":
        found, _, _ = predictions.classes(many=4, seed=seed)
        said, label = ids(found)
        kinds = {"task": "multiclass", "num_classes": 4}
        metrics = {
            "accuracy": (said == label).float().mean(),
            "f1": multiclass_f1_score(said, label, 4, average="macro"),
            "matthews": matthews_corrcoef(said, label, **kinds),
            "loss": found.loss.mean(),
        }
    elif kind == "several":
        found, _, _ = predictions.several()
        said, label = ids(found)
        metrics = {
            "exact_match": (said == label).all(1).float().mean(),
            "f1": multilabel_f1_score(said.int(), label.int(), label.shape[1], average="micro"),
            "f1_macro": multilabel_f1_score(said.int(), label.int(), label.shape[1]),
        }
    else:
        found, *_ = predictions.numbers()
        said, label = (
            torch.tensor(v, dtype=torch.float32) for v in (found.prediction, found.label)
        )
        metrics = {
            "mse": ((said - label) ** 2).mean(),
            "pearson": np.corrcoef(said, label)[0, 1],
            "spearman": spearman_corrcoef(said, label),
        }
    metrics = {name: float(value) for name, value in metrics.items()}
    return run(tmp_path / f"{kind}{seed}", found, **metrics)


@pytest.mark.parametrize("kind", ["class", "several", "number"])
def test_the_mean_of_the_rows_is_the_metric(kind, tmp_path):
    one = made(tmp_path, kind)
    for name, value in one["metrics"].items():
        found = row_values([one], name)
        assert found is not None, name
        assert found.values.mean() == pytest.approx(value, abs=1e-3), name
        assert found.share == (name in ("test/accuracy", "test/exact_match"))
        known = quality({0: one}, name)
        assert known.errors == ROWS and known.low < value < known.high, name


def test_the_error_of_a_macro_f1_is_that_of_the_bootstrap(tmp_path):
    one = made(tmp_path, "class")
    values = row_values([one], "test/f1").values
    found, _, _ = predictions.classes(many=4)
    said, label = ids(found)
    draw = np.random.default_rng(0)
    samples = [
        float(multiclass_f1_score(said[at], label[at], 4, average="macro"))
        for at in (draw.integers(0, len(said), len(said)) for _ in range(300))
    ]
    error = values.std(ddof=1) / np.sqrt(values.shape[1])
    assert error == pytest.approx(np.std(samples), rel=0.15)


def test_rows_that_differ_or_are_not_kept_are_not_paired(tmp_path):
    one, other = made(tmp_path, "class"), made(tmp_path, "class", seed=1)
    assert row_values([one, other], "test/accuracy") is not None
    assert row_values([one, one | {"run": str(tmp_path / "none")}], "test/accuracy") is None
    wrong = one | {"metrics": {"test/accuracy": 0.1, "test/perplexity": 3.0}}
    assert row_values([wrong], "test/accuracy") is None  # another metric of this name
    assert row_values([wrong], "test/perplexity") is None
    short, _, _ = predictions.classes(count=200, many=4)
    right = float((short.label == short.prediction).mean())
    assert row_values([one, run(tmp_path / "s", short, accuracy=right)], "test/accuracy") is None


def test_quality_and_change_name_the_errors_that_they_hold(tmp_path):
    runs = {seed: made(tmp_path, "class", seed=seed) for seed in range(2)}
    bare = {seed: {"metrics": {"test/accuracy": 0.8 + seed / 100}} for seed in range(2)}
    assert quality(runs, "test/accuracy").errors == BOTH
    assert quality(bare, "test/accuracy").errors == SEEDS
    assert quality({0: bare[0]}, "test/accuracy") == (0.8, None, None, "")
    found = change(runs, runs, "test/accuracy")
    assert found.mean == 0 and found.p == found.mcnemar == 1 and found.low == -found.high < 0
    assert found.errors == BOTH and change(bare, bare, "test/accuracy").mcnemar is None
    one = change({0: runs[0]}, {0: runs[0]}, "test/accuracy")
    assert one.errors == ROWS and one.paired_t is None and one.mcnemar == 1
    assert change({0: runs[0]}, {1: runs[1]}, "test/f1").p is None
