"""Warnings of conclusions that the results of an ablation do not allow."""

from experiments.reporting import significance
from experiments.reporting.quality import BOTH
from experiments.studies.ablation.lines import Difference, Line


def cautions(
    lines: list[Line], alpha: float, seeds: int, metric: str, higher: bool | None
) -> list[str]:
    """The warnings, a sentence each.

    Args:
        lines: The results of all combinations.
        alpha: The level of the tests.
        seeds: The number of runs that each combination should have.
        metric: The metric that is compared.
        higher: Whether more of it is better; None where nobody has said so.
    """
    said = _unlike(lines)
    compared = [line.difference for line in lines if line.difference and not line.difference.why]
    tested = [difference for difference in compared if difference.holm is not None]
    if higher is None:
        said.append(
            f"nobody has said whether more or less of {metric} is better, so no verdict says "
            f"better or worse; declare it as metric_facts in the class of the module or task"
        )
    if compared and not tested:
        least = significance.pairs_for_exact(alpha, len(compared))
        said.append(
            f"one seed gives no interval over seeds and no test of settings, so no difference can "
            f"be concluded; use --seeds 3 or more, {least} for a test without assumptions on the "
            f"distribution"
        )
    elif tested:
        said += _of_tests(lines, tested, alpha)
    missing = [line for line in lines if len(line.values) < seeds]
    if missing:
        counts = "; ".join(f"{line.name}: {len(line.values)} of {seeds}" for line in missing)
        said.append(f"some runs are missing, so pairs have only the seeds that both have: {counts}")
    if metric.startswith("test/"):
        said.append(
            "a choice by this table would be a choice by test rows; choose by "
            f"--metric {metric.replace('test/', 'val/')}, and test only the chosen setting"
        )
    return said


def _unlike(lines: list[Line]) -> list[str]:
    """A sentence on each reason for which settings are not compared with the baseline."""
    reasons: dict[str, list[str]] = {}
    for line in lines:
        if line.difference and line.difference.why:
            reasons.setdefault(line.difference.why, []).append(line.name)
    return [f"not compared: {'; '.join(names)}: {why}" for why, names in reasons.items()]


def _of_tests(lines: list[Line], tested: list[Difference], alpha: float) -> list[str]:
    said = []
    pairs, count = min(difference.seeds for difference in tested), len(tested)
    least = significance.smallest_exact(pairs, count)
    if any(difference.errors != BOTH for difference in tested):
        said.append(
            "the runs keep no predictions from which this metric follows, so intervals and tests "
            "hold the error of seeds alone, not that of the rows"
        )
    if least > alpha:
        enough = significance.pairs_for_exact(alpha, count)
        said.append(
            f"with {pairs} seeds{f' and {count} comparisons' * (count > 1)} the exact test cannot "
            f"give less than {least:.3g}, so verdicts rest on a test that assumes normal "
            f"differences; the exact test could decide with {enough} seeds"
        )
    undecided = [n for n in lines if n.difference and n.difference.verdict == "not shown"]
    if undecided:
        names = "; ".join(line.name for line in undecided)
        said.append(
            f"not shown to differ does not mean equal: {names}; the last column is the number "
            f"of seeds that would show the observed difference, if it is the true one"
        )
    return said
