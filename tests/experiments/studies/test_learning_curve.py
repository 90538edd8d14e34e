"""learning_curve.py: the verdict against known slopes, nested shares, and one-line errors."""

import json
import sys
from csv import DictReader

import numpy as np
import pytest

from datamodules.text_splits import Dataset, TextSplit, take_share
from experiments.studies.learning_curve import analyse, cells, csv, markdown
from experiments.tools import console, learning_curve
from tests.experiments import running
from tests.experiments.studies.ablating import result

STEPS = [0.0, 0.001, -0.001]  # over seeds, about the mean


def runs(rows, values, metric="test/accuracy"):
    """Results of three seeds at a number of training rows."""
    found = {}
    for seed, value in enumerate(values):
        one = result(value)
        one["metrics"] |= {metric: value}
        one["data"]["rows"] |= {"train": rows}
        found[seed] = one
    return found


def curve(*means, metric=None, spread=1.0):
    shares = dict(zip((0.25, 0.5, 1.0), means, strict=True))
    results = {
        share: runs(int(400 * share), [mean + spread * step * (1 + share) for step in STEPS])
        for share, mean in shares.items()
    }
    return analyse("name", results, metric)


def test_a_rise_is_told_with_its_interval():
    made = curve(0.80, 0.84, 0.87)
    half = 4.302653 * 0.0005 / np.sqrt(3)  # t of two degrees of freedom
    low, high = 0.03 - half, 0.03 + half
    assert made.verdict == (
        f"from 200 to 400 labels test/accuracy changed by +0.0300 (95 % interval {low:+.4f} to "
        f"{high:+.4f}, paired by seed): twice the labels would help, by about +0.0300 "
        f"({low:+.4f} to {high:+.4f}) at this slope"
    )
    assert cells(made)[1][:3] == ["25 %", "100", "0.8000"] and made.verdict in markdown(made)
    point, row = made.points[0], next(DictReader(csv(made).splitlines()))
    assert (float(row["low"]), float(row["high"])) == pytest.approx((point.low, point.high))
    assert row["errors"] == "seeds" and row["seeds"] == "3"


@pytest.mark.parametrize(
    ("means", "settings", "said"),
    [
        ((0.8, 0.84, 0.8401), {"spread": 9.0}, "no verdict on more labels: the interval holds 0"),
        ((0.8, 0.84, 0.81), {}, "more labels of this kind made it worse"),
        ((0.8, 0.84, 0.87), {"spread": 0.0}, "no verdict on more labels: all seeds changed alike"),
        ((0.9, 0.5, 0.4), {"metric": "test/loss"}, "no verdict on more labels"),
        ((0.8, 0.84, np.nan), {}, "no verdict on more labels: test/accuracy of a run is not a fin"),
    ],
)
def test_a_verdict_only_where_the_runs_allow_it(means, settings, said):
    assert said in curve(*means, **settings).verdict


def test_one_seed_and_one_share_allow_none():
    made = analyse("name", {0.5: runs(50, [0.5]), 1.0: runs(100, [0.6])}, None)
    assert made.verdict.endswith(
        "no verdict on more labels: one seed has no interval (--seeds 3 or more)"
    )
    assert cells(made)[1][3] == "–"
    with pytest.raises(ValueError, match="runs of one share only have finished"):
        analyse("name", {0.5: {}, 1.0: runs(100, [0.6])}, None)


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_nested_and_stratified(seed):
    labels = [0] * 90 + [1] * 9 + [2]
    train = TextSplit([f"t{n}" for n in range(100)], None, labels)
    data = Dataset({"train": train}, ("a", "b", "c"), [])
    before: set[int] = set()
    for share in (0.1, 0.2, 0.5, 0.9):
        drawn = take_share(data, share, seed).splits["train"]
        rows = set(drawn.rows)
        counts = np.bincount(drawn.labels).tolist()
        assert counts == [round(share * 90), max(1, round(share * 9)), 1]
        assert before <= rows and list(drawn.rows) == sorted(rows)
        before = rows
    assert take_share(data, 0.5, seed + 7).splits["train"].texts != drawn.texts
    several = Dataset({"train": TextSplit(["a", "b"], None, [[0], []])}, ("x",), [], "several")
    assert len(take_share(several, 0.5, seed).splits["train"].texts) == 1


@pytest.fixture
def call(folder, monkeypatch, capfd):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["pretune", "learning-curve", *map(str, words)])
        code = 0
        try:
            console.main()
        except SystemExit as stop:
            code = stop.code
        return (code, *capfd.readouterr())

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lora_sst2", "--shares", "1"], "--shares 1: a curve needs two different shares"),
        (["lora_sst2", "--shares", "0,1"], "--shares 0,1: each is above 0 and at most 1"),
        (["lora_sst2", "--shares", "a"], "--shares a: numbers with a comma"),
        (["lora_sst2", "--seeds", "0"], "--seeds 0: at least 1"),
        (["lora_sst3"], "lora_sst3: there is no such file"),
    ],
)
def test_mistakes_are_one_line(words, said, call):
    code, out, err = call(*words)
    assert code == 2 and out == "" and err.count("\n") == 1 and said in err, err


@pytest.mark.slow
def test_a_whole_curve(call, folder, bert):
    line = ["lora_sst2", "--shares", "0.5,1", "--seeds", 2, "--", *running.flags(bert)]
    code, out, err = call(*line)
    assert code == 0, err
    root = folder / "outputs" / "learning_curve" / "lora_sst2"
    report = json.loads((root / "report.json").read_text())
    rows = [point["rows"] for point in report["points"]]
    assert rows[0] == pytest.approx(rows[1] / 2, abs=1)
    assert report["verdict"] in " ".join(out.split())
    assert (root / "curve.png").read_bytes().startswith(b"\x89PNG")
    code, out, _ = call(*line)
    assert code == 0 and "4 of 4 runs have been made before" in out
    code, _, err = call("lora_sst2", "--", "--data.train_share", 0.5)
    assert code == 2 and "--data.train_share: is varied" in err
    code, _, err = call("pretrain", "--seeds", 1)
    assert code == 2 and "--data.train_share" in err


def test_the_tool_has_both_spellings(call, capfd):
    assert learning_curve.__doc__ and "learning_curve" in console.TOOLS
    assert call("--help")[0] == 0
