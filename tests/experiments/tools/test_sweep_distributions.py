"""The values that a sweep draws follow the distributions that its file names."""

import math
from random import Random

import numpy as np
import pytest
from scipy import stats

from experiments.studies.sweep.distributions import Parameter


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
