"""Changes of means and of spreads, with intervals over the same questions."""

import math

import numpy as np
import pytest

from callbacks.paired_changes import mean_change, spread_change


def test_a_change_is_of_pairs():
    before, after = [1.0] * 50 + [0.0] * 50, [1.0] * 60 + [0.0] * 40
    found = mean_change([before], [after])
    assert (found.before, found.after) == pytest.approx((0.5, 0.6))
    half = 1.96 * math.sqrt((12 / 102 - (10 / 102) ** 2) / 102)
    assert (found.low, found.high) == pytest.approx((10 / 102 - half, 10 / 102 + half))
    same = mean_change([before], [before])
    assert same.change == 0 and same.low == -same.high
    assert same.high == pytest.approx(0.027, abs=1e-3) and same.interval.endswith(", holds 0")


def test_a_mean_is_over_wordings_and_its_interval_over_questions():
    random = np.random.default_rng(0)
    before, after = random.random((4, 60)), random.random((4, 60))
    found = mean_change(before.tolist(), after.tolist())
    assert found.change == pytest.approx(float((after - before).mean()))
    # Four wordings of a question are no four questions.
    assert found.high - found.low > 3.9 * (after - before).mean(0).std() / math.sqrt(60)


def test_wordings_that_come_to_agree_have_a_smaller_spread():
    random = np.random.default_rng(1)
    skill = np.linspace(0.2, 0.9, 10)[:, None]
    before = (random.random((10, 200)) < skill).astype(float)
    after = (random.random((10, 200)) < 0.8).astype(float)
    found = spread_change(before.tolist(), after.tolist())
    assert found.before == pytest.approx(float(before.mean(1).std(ddof=1)))
    assert found.high < 0 and found.low <= found.change <= found.high
    assert found.interval.endswith("does not hold 0")
    same = spread_change(before.tolist(), before.tolist())
    assert (same.change, same.low, same.high) == (0, 0, 0)
