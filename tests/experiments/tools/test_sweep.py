"""sweep.py: W&B's files read as W&B reads them, run without it."""

import csv
import json
import math
import sys
from random import Random

import numpy as np
import pytest
import yaml
from scipy import stats

from experiments.reporting import tables
from experiments.studies.sweep import search, sweep_file, trial_table
from experiments.studies.sweep.distributions import NEEDS, Parameter
from experiments.tools import sweep
from tests.experiments import running
from tests.experiments.running import ROOT

GRID = {
    "program": "experiments/lora_sst2.py",
    "method": "grid",
    "metric": {"name": "val/accuracy", "goal": "maximize"},
    "parameters": {
        "model.rank": {"values": [2, 8]},
        "model.learning_rate": {"values": [1e-3, 3e-3]},
        "trainer.max_epochs": {"value": 1},
    },
}
RANDOM = GRID | {
    "method": "random",
    "parameters": {
        "model.learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1},
        "model.rank": {"values": [2, 8]},
    },
}


def write(folder, said: dict, name: str = "mine.yaml") -> str:
    (folder / name).write_text(yaml.safe_dump(said))
    return str(folder / name)


def drawn(count: int = 4000, **said) -> list:
    parameter = Parameter.read("x", said)
    return [parameter.draw(Random(number)) for number in range(count)]


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"distribution": "uniform", "min": 2, "max": 5}, stats.uniform(2, 3)),
        ({"min": 2.0, "max": 5.0}, stats.uniform(2, 3)),
        (
            {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1},
            stats.loguniform(1e-4, 1e-1),
        ),
        (
            {"distribution": "inv_log_uniform_values", "min": 1e-4, "max": 1e-1},
            stats.loguniform(1e-4, 1e-1),
        ),
        (
            {"distribution": "log_uniform", "min": -3, "max": 1},
            stats.loguniform(math.exp(-3), math.exp(1)),
        ),
        (
            {"distribution": "inv_log_uniform", "min": 1, "max": 3},
            stats.loguniform(math.exp(-3), math.exp(-1)),
        ),
        ({"distribution": "normal"}, stats.norm()),
        ({"distribution": "normal", "mu": 3, "sigma": 2}, stats.norm(3, 2)),
        ({"distribution": "log_normal", "mu": 1, "sigma": 0.5}, stats.lognorm(0.5, 0, math.e)),
        ({"distribution": "beta", "a": 2, "b": 5}, stats.beta(2, 5)),
    ],
    ids=lambda part: str(part) if isinstance(part, dict) else "",
)
def test_distributions_are_what_they_are_called(said, known):
    assert stats.kstest(drawn(**said), known.cdf).pvalue > 1e-3


def test_whole_quantised_and_weighted_values():
    assert {*drawn(min=2, max=5)} == {2, 3, 4, 5}  # both ends, as bounds are whole numbers
    assert {*drawn(distribution="q_uniform", min=0, max=1, q=0.1)} == {n / 10 for n in range(11)}
    fours = drawn(distribution="q_uniform", min=4, max=16, q=4)
    assert {*fours} == {4, 8, 12, 16} and isinstance(fours[0], int)
    logs = drawn(distribution="q_log_uniform_values", min=8, max=128, q=8)
    assert all(value % 8 == 0 and 8 <= value <= 128 for value in logs)
    assert np.median(logs) == pytest.approx(32, abs=8)
    assert all(value % 2 == 0 for value in drawn(distribution="q_normal", mu=0, sigma=9, q=2))
    some = drawn(values=["a", "b"], probabilities=[0.9, 0.1])
    assert some.count("a") / len(some) == pytest.approx(0.9, abs=0.02)
    assert drawn(3, value="x") == ["x"] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"program": "none.py"}, "program: none.py: there is no such file"),
        ({"method": "hyperopt"}, "method: hyperopt is not one of grid, random, bayes"),
        ({"method": None}, "method is missing"),
        ({"parameter": {}}, "parameter: unknown key; did you mean parameters?"),
        ({"metric": {"name": "a", "goal": "max"}}, "metric.goal: max is not minimize or maximize"),
        ({"method": "bayes", "metric": None}, "metric.name is missing; bayes needs it"),
        ({"parameters": {"a": 3}}, "parameters.a: give it value, values, or min and max"),
        ({"parameters": {"a": {"min": 1}}}, "parameters.a: give it value, values, min and max"),
        (
            {"parameters": {"a": {"distribution": "unifrom", "min": 0, "max": 1}}},
            "parameters.a.distribution: unifrom is not known; did you mean uniform?",
        ),
        (
            {"parameters": {"a": {"distribution": "uniform", "min": 0}}},
            "parameters.a: uniform needs max",
        ),
        (
            {"parameters": {"a": {"min": 0, "max": 1, "step": 2}}},
            "parameters.a.step: int_uniform takes max, min",
        ),
        ({"parameters": {"a": {"min": "1e-4", "max": 1}}}, "a.min: 1e-4 is not a number (write 1"),
        ({"parameters": {"a": {"min": 2, "max": 2}}}, "parameters.a: min 2 is not below max 2"),
        (
            {"parameters": {"a": {"distribution": "log_uniform_values", "min": 0, "max": 1}}},
            "parameters.a.min: 0 has no logarithm",
        ),
        (
            {"parameters": {"a": {"min": 0.1, "max": 1}}},
            "a: uniform has no end; a grid takes value",
        ),
        (
            {"parameters": {"a": {"values": [1, 2], "probabilities": [1, 1]}}},
            "parameters.a.probabilities: one for each value, 1 in all",
        ),
        (
            {"parameters": {"model": {"parameters": {"rank": {"value": 1}}}}},
            "parameters.model: nested parameters are written with dots, as model.rank",
        ),
        ({"command": ["${program}"]}, "command: needs ${program} and ${args}"),
        (
            {"command": ["torchrun", "${program}", "${args}"]},
            "command: torchrun before the program runs under `wandb agent` only",
        ),
        ({"command": "python ${program}"}, "command: give a list of words"),
        ({"run_cap": 0}, "run_cap: 0 is not a whole number above 0"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(change, message, folder, monkeypatch, capsys):
    name = write(folder, GRID | change)
    monkeypatch.setattr(sys, "argv", ["sweep.py", name])
    with pytest.raises(SystemExit) as stop:
        sweep.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2 and f"{name}: " in said and message in said, said
    assert len(said.splitlines()) == 1 and not (folder / "outputs").exists()


@pytest.mark.parametrize(
    ("said", "words", "message"),
    [
        (RANDOM, [], "--count: random has no end; give a number of trials"),
        (RANDOM, ["--count", "0"], "--count 0: at least 1"),
        (
            GRID | {"parameters": {"model.rnak": {"values": [2, 8]}}},
            [],
            "unknown flag --model.rnak; did you mean --model.rank?",
        ),
        (
            GRID | {"parameters": {"model.rank": {"values": [2, "x"]}}},
            [],
            "--model.rank x: must be a whole number above 0",
        ),
    ],
)
def test_bad_flags_and_values_are_one_line(said, words, message, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sweep.py", write(folder, said), *words])
    with pytest.raises(SystemExit) as stop:
        sweep.main()
    shown = capsys.readouterr().err
    assert stop.value.code == 2 and message in shown and len(shown.splitlines()) == 1, shown
    assert not (folder / "outputs").exists()


def test_missing_and_broken_files(folder):
    with pytest.raises(ValueError, match="none.yaml: there is no such file"):
        sweep_file.read("none.yaml")
    (folder / "broken.yaml").write_text("a: [1\nb: 2")
    with pytest.raises(ValueError, match="broken.yaml: not YAML, line 2"):
        sweep_file.read("broken.yaml")
    (folder / "list.yaml").write_text("- a")
    with pytest.raises(ValueError, match="list.yaml: not a sweep file"):
        sweep_file.read("list.yaml")


def test_what_is_not_followed_is_said(folder):
    said = {"early_terminate": {"type": "hyperband", "min_iter": 3}, "entity": "team"}
    said |= {"metric": {"name": "val/loss", "target": 0.1}}
    read = sweep_file.read(write(folder, GRID | said))
    assert [note.split(" is not followed here")[0] for note in read.notes] == [
        "early_terminate",
        "metric.target",
        "entity",
    ]
    assert not read.maximize  # minimize, unless the file says


def test_a_grid_is_all_combinations_and_ends(folder):
    read = sweep_file.read(write(folder, GRID))
    trials = []
    while given := search.propose(read, trials, 0):
        trials.append((given, None))
    pairs = [(given["model.rank"], given["model.learning_rate"]) for given, _ in trials]
    assert sorted(pairs) == [(2, 1e-3), (2, 3e-3), (8, 1e-3), (8, 3e-3)]
    assert search.size(read) == 4


def test_random_trials_follow_from_the_seed_and_none_comes_twice(folder):
    read = sweep_file.read(write(folder, RANDOM))

    def searched(count: int, seed: int) -> list[dict]:
        trials = []
        for _ in range(count):
            trials.append((search.propose(read, trials, seed), None))
        return [given for given, _ in trials]

    assert searched(8, 0)[:4] == searched(4, 0) and searched(4, 1) != searched(4, 0)
    few = sweep_file.read(
        write(folder, RANDOM | {"parameters": {"model.rank": {"values": [2, 8]}}})
    )
    trials = [({"model.rank": 8}, None), ({"model.rank": 2}, None)]
    assert search.propose(few, trials[:1], 0) == {"model.rank": 2}
    assert search.propose(few, trials, 0) is None


def test_bayes_learns_where_the_best_is(folder):
    pytest.importorskip("optuna", reason="pip install -e '.[bayes]'")
    said = RANDOM | {"method": "bayes"}
    said["parameters"] = RANDOM["parameters"] | {"n": {"min": 1, "max": 9}, "c": {"value": "x"}}
    read = sweep_file.read(write(folder, said))
    search.check(read)

    def searched(count: int) -> list:
        trials = []
        for _ in range(count):
            given = search.propose(read, trials, 0)
            off = abs(math.log10(given["model.learning_rate"]) + 2)
            trials.append((given, 1 - off - 0.2 * (given["model.rank"] == 2)))
        return trials

    trials = searched(40)
    assert trials == searched(40)
    early, late = ([value for _, value in part] for part in (trials[:10], trials[-10:]))
    assert np.mean(late) > np.mean(early) + 0.2 and all(given["c"] == "x" for given, _ in trials)
    assert {type(given["n"]) for given, _ in trials} == {int}


@pytest.mark.parametrize("kind", ["normal", "beta", "log_uniform"])
def test_bayes_says_what_it_has_not(kind, folder):
    pytest.importorskip("optuna", reason="pip install -e '.[bayes]'")
    bounds = {"min": 0, "max": 1} if "min" in NEEDS[kind] else {}
    said = {"parameters": {"model.rank": {"distribution": kind, **bounds}}, "method": "bayes"}
    with pytest.raises(ValueError, match=f"model.rank.distribution: bayes has no {kind} here"):
        search.check(sweep_file.read(write(folder, GRID | said)))


def test_bayes_without_optuna_says_how_to_get_it(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    read = sweep_file.read(write(folder, RANDOM | {"method": "bayes"}))
    with pytest.raises(ValueError, match=r"optuna, which the method bayes needs, .*'\.\[bayes\]'"):
        search.check(read)


@pytest.mark.parametrize("file", sorted((ROOT / "experiments" / "sweeps").glob("*.yaml")))
def test_our_sweep_files_are_good_for_both(file, monkeypatch):
    """Read by us; and with what `wandb sweep` and `wandb agent` need: flat keys, a block list."""
    monkeypatch.chdir(ROOT)
    read = sweep_file.read(str(file.relative_to(ROOT)))
    said = yaml.safe_load(file.read_text())
    assert said["command"][:3] == ["${env}", "${interpreter}", "${program}"]
    assert said["program"].startswith("experiments/") and read.metric.startswith("val/")
    assert read.cap or read.method == "grid"
    lines = sweep._each_value_once(plan_as_random(read), 0)
    sweep.parse(read.program, lines)


def plan_as_random(read: sweep_file.SweepFile) -> sweep_file.SweepFile:
    return sweep_file.SweepFile(**vars(read) | {"method": "random"})  # which needs no Optuna


def test_values_are_written_as_flags_take_them():
    assert [sweep_file.flag("a", value) for value in (None, True, [1, "b"], 1e-4, "x y")] == [
        "--a=null",
        "--a=true",
        '--a=[1, "b"]',
        "--a=0.0001",
        "--a=x y",
    ]


def test_a_whole_one_is_gone_on_with_and_not_repeated(folder, bert, monkeypatch, capfd):
    """Two trials of a random sweep; then four, of which two are new; with words of the command."""
    fixed = running.flags(bert, tracked=True)
    words = ["${env}", "python", "${program}", *fixed, "${args}"]
    file = write(folder, RANDOM | {"command": words, "project": "swept"})

    def swept(count: int) -> str:
        line = [str(file), "--count", str(count), "--jobs", "2"]
        monkeypatch.setattr(sys, "argv", ["experiments/tools/sweep.py", *line])
        capfd.readouterr()
        sweep.main()
        return capfd.readouterr().out

    first = swept(2)
    root = folder / "outputs" / "sweep" / "mine"
    before = {path: path.stat().st_mtime for path in root.glob("runs/*/*/*/result.json")}
    out = swept(4)
    after = {path: path.stat().st_mtime for path in root.glob("runs/*/*/*/result.json")}
    assert len(before) == 2 and len(after) == 4 and before.items() <= after.items()
    assert "2 of 4 runs have been made before" in out
    rows = list(csv.DictReader((root / "trials.csv").open()))
    scores = [float(row["val/accuracy"]) for row in rows]
    assert scores == sorted(scores, reverse=True) and len({row["trial"] for row in rows}) == 4
    for row in rows:
        settings = running.config(folder / row["run"])["model"]["init_args"]
        assert settings["learning_rate"] == float(row["model.learning_rate"])
        assert settings["rank"] == int(row["model.rank"])
    assert f"best of 4 trials: trial {rows[0]['trial']}, val/accuracy {scores[0]:.4f}" in out
    assert f"--model.rank={rows[0]['model.rank']}" in out and "wandb sweep" in out
    assert (root / "trials.png").read_bytes().startswith(b"\x89PNG") and "done" in first
    one = running.recorded(folder / rows[0]["run"])
    assert (one.facts["project"], one.facts["group"], one.facts["job_type"]) == (
        "swept",
        "mine",
        "sweep-run",
    )
    assert (
        running.recorded(sorted(root.glob("wandb/offline-run-*"))[-1]).facts["job_type"] == "sweep"
    )
    assert swept(4).splitlines()[-6:] == out.splitlines()[-6:]
    assert len(list(root.glob("wandb/offline-run-*"))) == 2  # of two trials, and of four


def test_bayes_goes_on_where_it_was_with_other_jobs(folder, monkeypatch):
    """What was proposed stays proposed, whatever has been told since."""
    pytest.importorskip("optuna", reason="pip install -e '.[bayes]'")
    read = sweep_file.read(write(folder, RANDOM | {"method": "bayes"}))

    def search(count: int, at_once: int) -> list[dict]:
        class Told(sweep.Comparison):
            def run(self) -> None:
                for job in self.jobs:
                    run = job.folder / "lora_sst2" / "run"
                    run.mkdir(parents=True, exist_ok=True)
                    score = float(dict(f[2:].split("=") for f in job.flags)["model.learning_rate"])
                    result = {"metrics": {"val/accuracy": score}}
                    (run / "result.json").write_text(json.dumps(result))

        monkeypatch.setattr(sweep, "Comparison", Told)
        asked = type("Asked", (), {"jobs": at_once, "seed": 0})
        results, failed = sweep._run(read, count, folder / "root", asked)
        assert not failed and len(results) == count
        return [result["given"] for result in results.values()]

    two_by_two = search(4, 2)
    assert search(6, 1)[:4] == two_by_two
    assert len(list((folder / "root" / "runs").iterdir())) == 6


def test_report_of_trials_that_differ_in_metrics(folder):
    read = sweep_file.read(write(folder, GRID))
    rows = [
        {"trial": n, "model.rank": 2, "model.learning_rate": 1e-3, "trainer.max_epochs": 1}
        | {"val/accuracy": n / 10, "seconds": 5.0}
        for n in (1, 2, 3)
    ]
    rows[1]["test/accuracy"] = 0.5
    rows = trial_table.ranked(rows, "val/accuracy", True)
    text = trial_table.text(read, rows, "val/accuracy", 1)
    assert "best of 3 trials; 1 failed: trial 3, val/accuracy 0.3000 (median 0.2000)" in text
    assert tables.csv_of(rows).splitlines()[0].endswith("test/accuracy")
    assert "the best of many is partly luck" in text
