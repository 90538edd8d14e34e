"""The search methods of a sweep: grid, random and Bayesian."""

import math
import sys

import numpy as np
import pytest

from experiments.studies.sweep import search, sweep_file
from experiments.studies.sweep.distributions import NEEDS
from tests.experiments.tools.sweeping import GRID, RANDOM, write


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
