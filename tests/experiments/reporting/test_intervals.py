"""Intervals within a metric's range, with the errors of seeds and test rows, and paired tests."""

import math

import numpy as np
import pytest
from scipy import stats

from experiments.benchmarks import interval_coverage
from experiments.reporting import intervals, paired_rows


def matrix(*right: int, rows: int) -> np.ndarray:
    """Runs with so many right rows, the first ones."""
    return np.array([[float(n < count) for n in range(rows)] for count in right])


@pytest.mark.parametrize(("right", "rows"), [(0, 17), (15, 17), (17, 17), (500, 802)])
def test_one_run_has_wilsons_interval(right, rows):
    found = intervals.of_rows(matrix(right, rows=rows), (0, 1), share=True)
    known = stats.binomtest(right, rows).proportion_ci(0.95, method="wilson")
    assert found == pytest.approx((known.low, known.high), abs=1e-6)


@pytest.mark.parametrize("counts", [(15, 15), (17, 17), (9, 16), (16, 9, 17)])
def test_an_interval_of_few_rows_is_wide_and_within_the_range(counts):
    low, high = intervals.of_rows(matrix(*counts, rows=17), (0, 1), share=True)
    mean = np.mean(counts) / 17
    assert 0 <= low < mean <= high <= 1 and high - low > 0.15


def test_two_runs_far_apart_stay_within_the_range():
    for bounds in ((0, 1), (0, 100)):
        low, high = intervals.of_runs([0.6 * bounds[1], 0.9 * bounds[1]], bounds)
        assert 0 <= low < 0.6 * bounds[1] and 0.9 * bounds[1] < high <= bounds[1]
    low, high = intervals.of_runs([-0.2, 0.9], (-1, 1))
    assert -1 <= low < -0.2 and 0.9 < high <= 1
    low, high = intervals.of_runs([1.2, 3.0], (1, math.inf))
    assert 1 < low < 1.2 and high > 3
    low, high = intervals.of_runs([0.5, 0.9], (-math.inf, 1))
    assert low < 0.5 and 0.9 < high < 1
    assert intervals.of_runs([0.9], (0, 1)) is None
    assert intervals.of_runs([1.0, 1.0], (0, 1)) is None


def test_many_seeds_and_rows_have_students_interval():
    """Far from the bounds, and with rows that are all the same, only seeds bring an error."""
    draw = np.random.default_rng(0)
    values = draw.normal(0.5, 0.001, 40)
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert intervals.of_runs(list(values), (0, 1)) == pytest.approx(list(known), abs=1e-6)
    table = values[:, None] + draw.normal(0, 1e-6, (40, 500))
    assert intervals.of_rows(table) == pytest.approx(list(known), abs=3e-5)


def test_rows_bring_an_error_that_seeds_do_not_show():
    """Three seeds that answer alike: what other test rows would bring is all there is."""
    table = np.repeat(np.random.default_rng(0).random((1, 800)) < 0.8, 3, axis=0).astype(float)
    low, high = intervals.of_rows(table, (0, 1), share=True)
    known = stats.binomtest(int(table[0].sum()), 800).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((known.low, known.high), abs=1e-3)


def test_runs_that_differ_by_less_than_their_error_have_an_interval():
    table = np.array([[1.0, -1.0, 1.0, -0.9]])
    assert intervals.of_rows(np.concatenate([table, -table])) == (0.0, 0.0)


def test_mcnemar_of_one_pair_is_exact_and_of_equal_pairs_that_of_one():
    ours, theirs = matrix(12, rows=20), np.roll(matrix(12, rows=20), 5, axis=1)
    differences = ours - theirs
    more, fewer = int((differences > 0).sum()), int((differences < 0).sum())
    known = stats.binomtest(more, more + fewer).pvalue
    assert paired_rows.mcnemar_test(differences) == pytest.approx(known)
    assert (
        paired_rows.mcnemar_test(np.zeros((1, 9)))
        == paired_rows.mcnemar_test(np.zeros((2, 9)))
        == 1
    )
    draw = np.random.default_rng(0)
    one = draw.choice([-1.0, 0.0, 1.0], (1, 400), p=[0.05, 0.85, 0.1])
    score = one.sum() / math.sqrt((one**2).sum())
    assert paired_rows.mcnemar_test(np.repeat(one, 3, axis=0)) == pytest.approx(
        2 * stats.norm.sf(abs(score))
    )


def test_the_paired_bootstrap_is_close_to_the_normal_test():
    draw = np.random.default_rng(0)
    for values in (
        draw.choice([-1.0, 0.0, 1.0], (1, 900), p=[0.05, 0.88, 0.07]),
        draw.normal(0.08, 1, (1, 900)),
    ):
        score = values.mean() / (values.std() / 30)
        assert paired_rows.bootstrap(values) == pytest.approx(2 * stats.norm.sf(score), abs=0.02)
    assert paired_rows.bootstrap(np.zeros((2, 50))) == 1.0


def test_a_difference_of_two_runs_that_agree_is_not_certain():
    table = matrix(15, rows=17)
    found = paired_rows.difference(table, table, 1.0, share=True)
    assert found.low == pytest.approx(-found.high) and found.high > 0.1 and found.p == 1
    better = paired_rows.difference(matrix(17, 17, rows=17), matrix(0, 0, rows=17), 1.0, share=True)
    assert better.p < 1e-4 and 0 < better.low < better.high <= 1


CORNERS = [(0.9, 20, 3), (0.9, 200, 2), (0.9, 200, 5), (0.5, 200, 1), (0.99, 200, 3)]


@pytest.mark.slow
@pytest.mark.parametrize("skill", [0.0, 0.05])
@pytest.mark.parametrize(("accuracy", "rows", "seeds"), CORNERS)
def test_intervals_hold_the_truth_as_often_as_they_say(accuracy, rows, seeds, skill):
    """Never less often than 93 % of 500 draws; few rows and few seeds make them wider than that."""
    draws = 500
    cell = interval_coverage.Cell(accuracy, rows, seeds, skill, 1.0)
    held, same, width, alarms = interval_coverage.coverage(cell, draws)
    least = stats.binom.ppf(0.001, draws, 0.93) / draws
    assert held >= least and same >= least
    assert width < 0.5
    if seeds > 1:  # one pair of runs tells of these two runs
        assert alarms <= stats.binom.ppf(0.999, draws, 0.05) / draws
