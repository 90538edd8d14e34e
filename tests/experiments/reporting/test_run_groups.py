"""Which runs share a table of pretune compare, and how many columns it takes."""

import pytest

from datamodules.text_tables import width
from experiments.reporting import run_groups, run_table
from experiments.tracking.run_reader import RunRecord


def run(number, **config):
    known = {
        "model": ["LoRA", "Adapter"][number % 2], "model.rank": number, "seed_everything": number,
        "model.backbone": "/a/very/long/path/of/a/backbone/that/takes/the/whole/line",
        "data": "TextFiles", "data.source": "a.csv", "dataset.origin": "a.csv",
        "dataset.test_split": "test", "dataset.rows.test": 100, "dataset.source": "files",
        "dataset.labels": ["neg", "pos"], "dataset.fingerprint": "1234",
    }  # fmt: skip
    metrics = {"test/accuracy": number / 100, "val/accuracy": number / 100, "seconds": 9.0}
    facts = {key: config.pop(key) for key in ("group", "job_type") if key in config}
    config = {key.replace("__", "."): value for key, value in config.items()}
    return RunRecord(
        f"261101-{number:06d}-abcd", **facts, config=known | config, metrics=metrics,
        state="finished",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "apart"),
    [
        ({"data__source": "b.csv", "dataset__origin": "b.csv"}, True),
        ({"dataset__rows.test": 50}, True),
        ({"dataset__labels": ["x", "y"]}, True),
        ({"trainer__limit_test_batches": 2}, True),
        ({"trainer__limit_test_batches": 1}, True),
        ({"trainer__limit_test_batches": 1.0}, False),
        ({"seed_everything": 0, "dataset__fingerprint": "5678"}, True),  # the file was edited
        ({"seed_everything": 9, "dataset__fingerprint": "5678"}, False),  # other training rows
        ({"model": "FullFineTuning", "data__train_rows": 10}, False),
    ],
)
def test_only_runs_of_the_same_rows_are_ranked_together(change, apart):
    parts = run_groups.by_data([run(0), run(0, **change)])
    assert len(parts) == 1 + apart, list(parts)
    assert len(set(parts)) == len(parts) and sum(map(len, parts.values())) == 2


def test_losses_of_two_objectives_are_not_ranked_together():
    corpus = {"dataset__source": "corpus", "dataset__tokenizer": "t", "dataset__labels": None}
    runs = [run(0, model=name, **corpus) for name in ("MaskedLM", "CausalLM", "MaskedLM")]
    assert [len(part) for part in run_groups.by_data(runs).values()] == [2, 1]
    assert "MaskedLM" in next(iter(run_groups.by_data(runs)))


def test_runs_of_studies_are_behind_a_line():
    own = [run(n) for n in range(2)]
    theirs = [run(n, group="grid", job_type="sweep-run") for n in range(3)]
    theirs += [run(5, group="grid", job_type="sweep"), run(6, group="my", job_type="my-run")]
    kept, line = run_groups.without_studies([*own, *theirs])
    assert kept == [*own, theirs[-1]] and line.startswith("4 runs of 1 study are not shown (grid 4")
    assert run_groups.without_studies(theirs[:3]) == (theirs[:3], "")  # there are no others


@pytest.mark.parametrize("columns", [80, 120])
def test_fifty_runs_fit_and_what_is_left_out_is_named(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    more = {f"model__a_setting_of_a_long_name_{n}": [1, 2] for n in range(6)}
    runs = [run(n, **{k: v[n % 2] for k, v in more.items()}) for n in range(50)]
    text = run_table.table(runs, ["test/accuracy", "val/accuracy"], "").on_screen()
    assert max(map(width, text.splitlines())) <= columns, text
    assert all(one.id in text for one in runs) and "0.4900" in text
    assert "also differ (--columns shows them): " in text and "setting_of_a_long_name_5" in text
    asked = run_table.table(runs, ["test/accuracy"], "", ["model.a_setting_of_a_long_name_5"])
    assert [row[2] for row in asked.cells[:3]] == ["model.a_setting_of_a_long_name_5", "2", "1"]


def test_a_star_that_every_run_would_have_is_left_out():
    runs = [run(n) for n in range(3)]
    for values, stars in (([5, 5, 5], ["", "", ""]), ([5, 4, 5], ["*", "*", ""])):
        for one, value in zip(runs, values, strict=True):
            one.metrics["test/accuracy"] = value
        found = run_table.table(runs, ["test/accuracy"], "").cells[1:]
        assert [row[0] for row in found] == stars


def test_runs_of_one_picture_have_labels_of_their_own():
    runs = [run(0), run(0), run(1)]
    runs[1].id = "other"
    first, second, third = run_table.labels(runs)
    assert first.startswith("model LoRA, rank 0") and second == f"{first[:-18]}other"
    assert third.startswith("model Adapter, rank 1") and "abcd" not in third


def test_the_usual_metric_is_a_quality_also_where_the_runs_say_so():
    names = {"test/aversion": 0.5, "test/zest": 0.5}
    plain = RunRecord("a", metrics=names)
    assert run_table.usual_metrics([plain])[0] == "test/aversion"
    told = RunRecord("b", config={"metric_facts.aversion.higher": False}, metrics=names)
    assert run_table.usual_metrics([plain, told])[0] == "test/zest"
