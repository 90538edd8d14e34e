"""A task chosen by flag, through a whole run, and what does not fit it."""

import json

import pytest

from experiments.reporting.predicted import table as predicted
from tests.experiments.running import result

WORDS = "good bad film plot cast".split()


@pytest.fixture
def rows(folder):
    """A JSON line each: two texts, a class, a number, several names."""
    lines = [
        {
            "text": f"{WORDS[n % 2]} film {n}",
            "other": f"{WORDS[n % 2]} plot {n * 7}",
            "label": ("no", "yes")[n % 2],
            "score": (n % 2) + n / 100,
            "topics": [WORDS[2 + n % 3], WORDS[n % 2]],
        }
        for n in range(120)
    ]
    file = folder / "rows.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return ["--data.source", str(file)]


@pytest.mark.parametrize(
    ("words", "metric"),
    [
        ("Classification", "accuracy"),
        ("PairClassification --data.pair_column other", "matthews"),
        ("Regression --data.label_column score", "spearman"),
        ("Regression --data.label_column score --data.pair_column other", "pearson"),
        ("MultiLabel --data.label_column topics", "exact_match"),
        ("LanguageModeling", "loss"),
    ],
)
def test_every_task_by_flag(words, metric, rows, experiment):
    ended = experiment(*rows, "--model.task", *words.split())
    assert ended.code == 0, ended.err
    found = result(ended.run)
    assert f"test/{metric}" in found["metrics"]
    kept = ended.run / "predictions.parquet"
    if words == "LanguageModeling":
        assert not kept.exists() and found["report"] == {}
        return
    splits = predicted.read(kept)
    assert {name: len(one) for name, one in splits.items()} == {
        name: found["data"]["rows"][name] for name in ("validation", "test")
    }
    for split, lead in (("test", "test"), ("validation", "val")):
        measured = found["report"][split]
        for name in measured.keys() & {"accuracy", "exact_match", "mse"}:
            shown = found["metrics"][f"{lead}/{name}"]
            assert measured[name] == pytest.approx(shown, rel=1e-5), (split, name)
        mean = float(splits[split].loss.mean())
        assert mean == pytest.approx(found["metrics"][f"{lead}/loss"], rel=1e-5)
    lines = [json.loads(line) for line in open(rows[1])]
    for row, text in zip(splits["test"].rows, splits["test"].texts, strict=True):
        assert lines[row - 1]["text"] == text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--model.task PairClassification", "--data.pair_column"),
        ("--model.task Regression", "label 'no' is not a number"),
        ("--data.label_column score", "row 2: label 1.01 is not an integer"),
        ("--model.task Regresion", "Regression"),
        ("--model PromptTuning --model.tokens 5000", "--model.tokens 5000"),
    ],
)
def test_what_does_not_fit_is_one_line(words, said, rows, experiment):
    ended = experiment(*rows, *words.split())
    assert ended.code == 2 and said in ended.err, ended.err
    assert len(ended.err.strip().splitlines()) == 1, ended.err
