"""ROUGE-L by known values; changes of accuracy with their interval."""

import math

import pytest

from callbacks.generation_samples import rouge_l
from callbacks.unseen_tasks import accuracy_change


def test_rouge_l_is_that_of_the_reference_implementation():
    """The example of the rouge-score package, 0.1.2: 5 of 8 and of 9 words in order."""
    answer, reference = (
        "The quick brown dog jumps on the log.",
        "The quick brown fox jumps over the lazy dog",
    )
    assert rouge_l(answer, reference) == pytest.approx(0.5882352941176471)


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [("a b c", "A, b; c!", 1.0), ("a", "b", 0.0), ("", "a", 0.0), ("b a", "a b", 0.5)],
)
def test_rouge_l(answer, reference, score):
    assert rouge_l(answer, reference) == pytest.approx(score)


def test_a_change_is_of_pairs():
    before, after = [True] * 50 + [False] * 50, [True] * 60 + [False] * 40
    change, low, high = accuracy_change(before, after)
    assert change == pytest.approx(0.1)
    half = 1.96 * math.sqrt((12 / 102 - (10 / 102) ** 2) / 102)
    assert (low, high) == pytest.approx((10 / 102 - half, 10 / 102 + half))
    change, low, high = accuracy_change(before, before)
    assert change == 0 and low == -high and high == pytest.approx(0.027, abs=1e-3)
