"""Statistics against scipy on the same numbers, closed forms, and simulated ablations."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from experiments.reporting import significance
from experiments.reporting.significance import (
    holm,
    interval,
    paired,
    pairs_needed,
    pareto_front,
    sign_flip,
)

A = [0.812, 0.807, 0.821, 0.799, 0.815]
B = [0.803, 0.804, 0.809, 0.797, 0.806]
DIFFERENCES = [a - b for a, b in zip(A, B, strict=True)]


def test_interval_is_students():
    mean, half = interval([5.0, 7.0, 9.0])
    # The 0.975 quantile of t with two degrees of freedom is 4.303; the deviation is 2.
    assert mean == 7.0 and half == pytest.approx(4.3027 * 2 / 3**0.5, rel=1e-4)
    assert interval([4.0]) == (4.0, None)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_paired_differences_are_scipys(level):
    found, known = paired(DIFFERENCES, level), stats.ttest_rel(A, B)
    low, high = known.confidence_interval(level)
    assert found.p == pytest.approx(known.pvalue, rel=1e-9)
    assert found.mean - found.half == pytest.approx(low)
    assert found.mean + found.half == pytest.approx(high)
    assert interval(A, level)[1] == pytest.approx(
        np.diff(stats.ttest_1samp(A, 0).confidence_interval(level))[0] / 2
    )


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_sign_flips_are_all_tried(count):
    differences = np.random.default_rng(count).normal(0.5, 1, count)
    means = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=count)]
    share = np.mean([m >= abs(differences.sum()) - 1e-12 for m in means])
    assert sign_flip(differences) == pytest.approx(share)
    assert paired(differences).exact == pytest.approx(share)
    assert sign_flip(np.ones(count)) == significance.smallest_exact(count) == 2 / 2**count


def test_many_pairs_are_sampled_and_always_alike():
    differences = np.random.default_rng(0).normal(0.4, 1, 30)
    assert sign_flip(differences) == sign_flip(differences)
    assert sign_flip(differences) == pytest.approx(
        stats.ttest_1samp(differences, 0).pvalue, abs=0.02
    )


def test_differences_that_are_all_alike_leave_it_to_the_signs():
    for values, p in ([0.1 + 1e-17, 0.1, 0.1], 0.25), ([0.0] * 4, 1.0):
        found = paired(values)
        assert found.half is None and found.p == found.exact == p
        assert pairs_needed(values, 0.05) is None
    assert paired([0.3]) == (0.3, None, None, None)


def test_holm_by_hand():
    # 0.01·4, then 0.02·3, 0.03·2 lifted to 0.06, 0.04·1 lifted to 0.06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, None, 0.8]) == [1.0, None, 1.0] and holm([]) == []


def test_pairs_needed_have_the_power():
    """Simulated: so many pairs find the effect in 80 % of cases, and one fewer does not."""
    generator = np.random.default_rng(0)
    differences = [0.2, 1.0, 1.6, 0.4, 0.8]
    count = pairs_needed(differences, 0.05)
    effect = np.mean(differences) / np.std(differences, ddof=1)
    for pairs, enough in ((count, True), (count - 1, False)):
        drawn = generator.normal(effect, 1, (40_000, pairs))
        found = np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05)
        assert bool(found > 0.79) is enough, (pairs, found)
    assert pairs_needed([1e-5, -1e-5, 2e-5, -1.9e-5], 0.05, most=50) is None


@pytest.mark.parametrize("effect", [0.08, 0.1, 0.25, 0.5, 1, 2, 5, 40])
def test_pairs_needed_are_the_first_of_a_search_one_by_one(effect):
    differences = [effect - 0.5**0.5, effect + 0.5**0.5]  # their deviation is 1
    for alpha, power in ((0.05, 0.8), (0.05 / 20, 0.8), (0.01, 0.95)):
        first = None
        for count in range(2, 201):
            shift, edge = effect * math.sqrt(count), stats.t.ppf(1 - alpha / 2, count - 1)
            tails = (stats.nct.sf(edge, count - 1, shift), stats.nct.cdf(-edge, count - 1, shift))
            if np.nansum(tails) >= power:
                first = count
                break
        assert pairs_needed(differences, alpha, power, most=200) == first


def test_pairs_for_the_exact_test():
    for alpha, comparisons in itertools.product((0.05, 0.01), (1, 3, 20)):
        count = significance.pairs_for_exact(alpha, comparisons)
        assert significance.smallest_exact(count, comparisons) <= alpha
        assert significance.smallest_exact(count - 1, comparisons) > alpha


def test_front():
    costs, qualities = [1, 2, 3, 2, 1], [0.5, 0.7, 0.7, 0.6, 0.5]
    assert pareto_front(costs, qualities) == [True, True, False, False, True]


@pytest.mark.slow
@pytest.mark.parametrize("rows", [None, 100], ids=["normal", "accuracies of 100 rows"])
def test_twenty_null_comparisons_give_no_more_false_alarms_than_the_level_says(rows):
    """300 ablations of 20 settings that are no better than the baseline that they share."""
    generator = np.random.default_rng(1)
    ablations, settings, seeds, alpha = 300, 20, 5, 0.05
    # What a seed does is shared by all settings, as pairing supposes.
    scores = 0.8 + generator.normal(0, 0.02, (ablations, 1, seeds))
    scores = scores + generator.normal(0, 0.01, (ablations, settings + 1, seeds))
    if rows:
        scores = generator.binomial(rows, scores) / rows
    alarms = uncorrected = 0
    for one in scores:
        found = [_t_only(one[row] - one[0]) for row in range(1, settings + 1)]
        alarms += min(holm(found)) < alpha
        uncorrected += min(found) < alpha
    assert alarms <= stats.binom.ppf(0.999, ablations, alpha), alarms
    assert uncorrected > 0.3 * ablations  # else the correction had nothing to do


def _t_only(differences) -> float:
    """The p of `paired` without the seconds of so many exact tests."""
    kept, significance.sign_flip = significance.sign_flip, lambda _: math.nan
    try:
        p = paired(list(differences)).p
        return 1.0 if math.isnan(p) else p
    finally:
        significance.sign_flip = kept


def test_a_planted_difference_is_found_among_nineteen_that_are_none():
    generator = np.random.default_rng(2)
    found = 0
    for _ in range(50):
        shared = generator.normal(0, 0.02, 5)
        scores = 0.8 + shared + generator.normal(0, 0.003, (21, 5))
        scores[7] += 0.03
        p = holm([_t_only(scores[row] - scores[0]) for row in range(1, 21)])
        found += p[6] < 0.05 and scores[7].mean() > scores[0].mean()
    assert found >= 40, found
