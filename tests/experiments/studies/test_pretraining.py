"""pretrain_then_finetune.py: what it says of given results, and a whole small one from start."""

import csv
import sys
from collections import Counter
from types import SimpleNamespace

import pytest

import modules
from experiments import pretrain_then_finetune
from experiments.studies import (
    labelled_sentences,
    pretraining,
    pretraining_origins,
    pretraining_pictures,
    pretraining_report,
)
from experiments.studies.jobs import Job, Row
from modules import registry
from tests import stories, tiny_cache
from tests.experiments.studies.ablating import result

ORIGINS = [
    pretraining.Origin("new", "MaskedLM", None, share=0),
    pretraining.Origin("MLM", "MaskedLM", "new"),
]
WAYS = {"new": "--model MaskedLM", "MLM": "--model MaskedLM"}
# Test accuracies by origin, labels and seed. The differences of 100 labels: 5, 7, 9 points.
ACCURACY = {
    ("new", 100): [0.50, 0.52, 0.48],
    ("MLM", 100): [0.55, 0.59, 0.57],
    ("new", "all"): [0.70, 0.72, 0.71],
    ("MLM", "all"): [0.69, 0.75, 0.72],
}


def outcome(tokens: int = 2_000_000, name: str = "a") -> tuple[dict, dict]:
    made = {
        ("new", 0): result(0.0, tokens=0, training_seconds=0.0, run=f"{name}/new"),
        ("MLM", 0): result(0.0, tokens=tokens, training_seconds=50.0, run=f"{name}/mlm"),
    }
    tuned = {
        (origin, labels, seed): result(value, run=f"{name}/{origin}-{labels}-{seed}")
        for (origin, labels), values in ACCURACY.items()
        for seed, value in enumerate(values)
    }
    return made, tuned


def test_table_has_means_and_paired_differences(tmp_path, capsys):
    pretraining_report.report(tmp_path, "tiny", ORIGINS, *outcome(), WAYS)
    text = (tmp_path / "table.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["MLM", "57.0 (52.0 to 61.9)", "72.0 (64.0 to 78.8)", "2.00 M", "50", "40,000"] in rows
    assert ["new", "50.0 (45.1 to 54.9)", "71.0 (68.5 to 73.4)", "0", "", ""] in rows
    assert ["MLM", "**+7.0 (+2.0 to +12.0)**", "+1.0 (-4.0 to +6.0)", "new"] in rows
    assert ["MLM", "0.8", "2.00 M", "**+7.0 (+2.0 to +12.0)**", "+1.0 (-4.0 to +6.0)"] in rows
    assert (
        "errors of seeds, for one pre-training" in text
        and "3 seeds" in text
        and "800 test rows" in text
        and "commit: 0123456" in text
    )
    assert f"done   {tmp_path}" in capsys.readouterr().out
    assert "labelled sentences" in (tmp_path / "labels.svg").read_text()


def test_values_of_other_budgets_are_kept_and_drawn(tmp_path):
    pretraining_report.report(tmp_path, "tiny", ORIGINS, *outcome(), WAYS)
    pretraining_report.report(tmp_path, "tiny", ORIGINS, *outcome(20_000_000, "b"), WAYS)
    pretraining_report.report(
        tmp_path, "tiny", ORIGINS, *outcome(20_000_000, "b"), WAYS
    )  # not twice
    with (tmp_path / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24  # the last call adds none
    tokens = {row["tokens"] for row in rows if row["origin"] == "MLM"}
    assert tokens == {"2000000", "20000000"}
    assert {row["tokens"] for row in rows if row["origin"] == "new"} == {"0"}
    assert "million tokens of pre-training (100 labels)" in (tmp_path / "tokens.svg").read_text()


def test_values_of_pretraining_with_other_flags_are_not_mixed(tmp_path, capsys):
    """All labels and 2 M tokens, then 20 M of another corpus, then 2 M of an MLM of other flags."""

    def call(name: str, labels: tuple, tokens: int = 2_000_000, **ways: str) -> tuple[str, list]:
        made, tuned = outcome(tokens, name)
        tuned = {key: run for key, run in tuned.items() if key[1] in labels}
        pretraining_report.report(tmp_path, "tiny", ORIGINS, made, tuned, WAYS | ways)
        return (tmp_path / "table.md").read_text(), capsys.readouterr().out.splitlines()

    text, out = call("a", (100, "all"))
    assert "all labels" in text and not any("neither compared" in line for line in out)
    text, out = call("b", (100,), 20_000_000, new="--data.path x", MLM="--data.path x")
    assert "2.00 M" not in text and "all labels" not in text
    assert "note   12 values in runs.csv are of pre-training with other flags (new, MLM)" in out[-2]
    text, out = call("c", (100,), MLM="--model.probability 0.5")
    assert "20.00 M" not in text and "12 values" in out[-2]
    text, out = call("a", (100,))  # what the first call had is still there
    assert "all labels" in text and "9 values" in out[-2]
    rows = list(csv.DictReader((tmp_path / "runs.csv").open()))
    found = Counter((row["origin"], row["labels"], row["pretraining"]) for row in rows)
    assert found["MLM", "100", "--model.probability 0.5"] == found["MLM", "100", WAYS["MLM"]] == 3
    assert found["new", "all", WAYS["new"]] == 3


def test_the_way_of_pretraining_is_that_of_all_budgets():
    words = ("--model", "MaskedLM", "--trainer.max_steps", "8", "--trainer.val_check_interval", "4")
    assert pretraining._without_budget((*words, "--a=1")) == "--model MaskedLM --a=1"


def test_each_network_has_a_panel_with_its_objectives(tmp_path):
    more = ("new decoder", "CausalLM", None), ("CLM", "CausalLM", "new decoder")
    origins = [*ORIGINS, *(pretraining.Origin(*one) for one in more)]
    tuned = dict(outcome()[1])
    renamed = {"new": "new decoder", "MLM": "CLM"}
    tuned |= {(renamed[name], *key): run for (name, *key), run in outcome()[1].items()}
    pretraining_pictures.over_labels(origins, [100, "all"], tuned, tmp_path / "labels.svg")
    drawn = (tmp_path / "labels.svg").read_text()
    assert drawn.count("labelled sentences") == 2
    assert all(f">{name}<" in drawn for name in ("new", "MLM", "new decoder", "CLM"))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--budget 0", "--budget 0.0: at least 1"),
        ("--seeds 0", "--seeds 0: at least 1"),
        ("--only elmo", "--only elmo: no such row; there are new encoder, embeddings, 100"),
        ("--labels some", "argument --labels: some: a number of rows, or all"),
        ("--corpus nowhere", "--corpus nowhere: no corpus; make one with prepare_corpus.py"),
        ("--size tny", "--size tny: there are tiny, mini, small, base; did you mean tiny?"),
        ("--bugdet 5", "unrecognized arguments: --bugdet 5"),
    ],
)
def test_bad_flags_are_one_line(words, line, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pretrain_then_finetune.py", *words.split()])
    with pytest.raises(SystemExit) as stop:
        pretraining.main("pretrain_then_finetune.py", "A question.", pretrain_then_finetune.ORIGINS)
    shown = capsys.readouterr().err
    assert stop.value.code == 2 and line in shown and len(shown.splitlines()) == 1, shown
    assert not (folder / "outputs").exists()


@pytest.fixture
def own(monkeypatch):
    """The classes of this distribution alone, whatever other tests have registered."""
    ours = {k: v for k, v in registry._CLASSES.items() if v.__module__.startswith("modules.")}
    monkeypatch.setattr(registry, "_CLASSES", ours)


def test_every_objective_is_compared_with_the_same_network_as_it_was(own):
    origins = pretrain_then_finetune.ORIGINS
    by_name = {origin.name: origin for origin in origins}
    assert pretraining_origins.with_others(origins) == origins  # all that there are
    for origin in origins:
        if origin.against is None:
            assert origin.share == 0
            continue
        before = by_name[origin.against]
        assert before.share == 0 and before.backbone == origin.backbone
        families = [getattr(modules, one.objective).default_family for one in (origin, before)]
        assert families[0] == families[1]


def test_an_objective_that_is_not_named_is_run_all_the_same(own):
    values = {"short_name": "Mine", "row_kind": "pairs"}
    values |= {"__module__": "own", "__qualname__": "OwnObjective"}
    type("OwnObjective", (modules.MaskedLM,), values)
    type("Plain", (modules.CausalLM,), {"__module__": "own", "default_family": "gpt2"})
    *listed, mine, before, plain = pretraining_origins.with_others(pretrain_then_finetune.ORIGINS)
    assert listed == pretrain_then_finetune.ORIGINS
    assert mine == pretraining.Origin("Mine", "own.OwnObjective", "new encoder", rows="pairs")
    drawn = pretraining_origins.DRAWN
    assert before == pretraining.Origin("new gpt2", "own.Plain", None, drawn, share=0)
    assert plain == pretraining.Origin("Plain", "own.Plain", "new gpt2")


def test_who_is_run_brings_what_it_is_compared_with():
    chosen = pretraining_origins.chosen(pretrain_then_finetune.ORIGINS, ["clm"])
    assert [origin.name for origin in chosen] == ["new decoder", "CLM"]
    usual = pretraining_origins.chosen(pretrain_then_finetune.ORIGINS, [])
    assert {origin.backbone for origin in usual} == {None}


def test_pretraining_gets_the_same_tokens_in_halves(folder):
    path = stories.write(folder / "stories")
    asked = SimpleNamespace(budget=40_000.0, size="tiny", pretrainings=1, jobs=1)
    seen = list(pretraining._pretraining(asked, folder, ORIGINS, {None: path}).values())
    flags = [dict(zip(job.flags[::2], job.flags[1::2], strict=True)) for job in seen]
    assert flags[0]["--trainer.max_steps"] == "0"
    steps = int(flags[1]["--trainer.max_steps"])
    assert steps == 2 * int(flags[1]["--trainer.val_check_interval"])
    data = stories.corpus(path, modules.MaskedLM, row_tokens=128, rows="document")
    tokens = data.facts()["tokens"]["train"] / data.facts()["rows"]["train"]
    assert steps * 8 * tokens == pytest.approx(40_000, rel=0.1)


def test_many_labels_get_fewer_seeds_and_each_its_pretraining(folder):
    asked = SimpleNamespace(seeds=5, labels=[500, 2000, "all"], pretrainings=2)
    name = ORIGINS[0].name
    before = {
        (name, seed): Job(Row(f"pretrained {seed}", "pretrain"), seed, (), folder)
        for seed in range(2)
    }
    jobs = pretraining._fine_tuning(asked, folder, ORIGINS[:1], before)
    assert Counter(labels for _, labels, _ in jobs) == {500: 5, 2000: 3, "all": 3}
    assert all(job.after is before[name, seed % 2] for (_, _, seed), job in jobs.items())


@pytest.mark.slow
def test_a_whole_one_from_a_corpus_to_the_table(folder, bert, llama, monkeypatch, capfd):
    """Of few sentences: test_pretraining_sentences.py has the bundled ones."""
    path = stories.write(folder / "stories")
    words = ["--corpus", path, "--budget", "4000", "--labels", "20", "--seeds", "2"]
    words += ["--only", "spans", "--jobs", "2"]
    monkeypatch.setenv("PRETUNE_CACHE", str(tiny_cache.make(folder / "cache", bert, llama)))
    monkeypatch.setattr(labelled_sentences, "TRAINING", 40)
    script = pretrain_then_finetune
    monkeypatch.setattr(sys, "argv", [script.__file__, *words])
    said = []
    for _ in range(2):
        pretraining.main(script.__file__, script.__doc__, script.ORIGINS)
        said.append(capfd.readouterr().out)
    out, again = said
    assert "\nspans " in out and "\nnew T5 " in out and "done   outputs" in out
    assert "6 of 6 runs have been made before" in again
    assert again[again.index("\nnew T5 ") :] == out[out.index("\nnew T5 ") :]
