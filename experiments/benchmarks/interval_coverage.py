"""How often do the intervals of accuracies and of their differences hold the truth?

    python experiments/benchmarks/interval_coverage.py
    python experiments/benchmarks/interval_coverage.py --draws 400 --rows 20 200 --seeds 1 3

Runs are simulated: a row is answered rightly if its ease, the run's skill and chance add up to
enough (a probit model), with the named accuracy over all rows and runs. Rows may differ in ease,
and runs in skill. With one run, the truth is the accuracy of that run on all rows, and the
difference of that pair of runs, since one run tells nothing of others. The last column is how often
p is below 0.05 for two settings that are equally good.
"""

import argparse
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from experiments.reporting import intervals, paired_rows, tables

EASE = {"none": 0.0, "some": 1.0, "most": 3.0}  # of rows: the deviation beside chance's 1
SKILL = {"none": 0.0, "0.05": 0.05, "0.2": 0.2}  # of runs: 0.2 is 8 points at an accuracy of 0.5


class Cell(NamedTuple):
    """One setting of the simulation; ``ease`` and ``skill`` are deviations."""

    accuracy: float
    rows: int
    seeds: int
    skill: float
    ease: float


def simulated(
    cell: Cell, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Runs of two equally good settings, (K, N) each; the first one's accuracy, the difference."""
    from scipy.special import ndtr, ndtri

    edge = ndtri(cell.accuracy) * np.sqrt(1 + cell.skill**2 + cell.ease**2)
    rows = cell.ease * random.standard_normal(cell.rows)
    made = []
    for _ in range(2):
        # Two settings share most of what makes a row easy, and not all of it.
        own = np.sqrt(0.8) * rows + np.sqrt(0.2) * cell.ease * random.standard_normal(cell.rows)
        skill = cell.skill * random.standard_normal((cell.seeds, 1))
        values = random.random((cell.seeds, cell.rows)) < ndtr(edge + skill + own)
        made.append((values.astype(float), skill))
    if cell.seeds > 1:
        return made[0][0], made[1][0], cell.accuracy, 0.0
    scale = np.sqrt(1 + cell.ease**2)
    one, other = (float(ndtr((edge + skill[0, 0]) / scale)) for _, skill in made)
    return made[0][0], made[1][0], one, one - other


def coverage(cell: Cell, draws: int, level: float = 0.95) -> tuple[float, float, float, float]:
    """Shares of intervals that hold the truth, of an accuracy and of a difference.

    After them come the mean width of the interval of the accuracy and the share of differences
    whose p is below 1 - level.
    """
    random = np.random.default_rng(0)
    held = same = rejected = 0
    widths = []
    for _ in range(draws):
        ours, theirs, truth, gap = simulated(cell, random)
        ends = intervals.of_rows(ours, (0.0, 1.0), share=True, level=level)
        assert ends is not None
        held += ends[0] <= truth <= ends[1]
        widths.append(ends[1] - ends[0])
        found = paired_rows.difference(ours, theirs, 1.0, share=True, level=level)
        same += found.low <= gap <= found.high
        rejected += found.p < 1 - level
    return held / draws, same / draws, float(np.mean(widths)), rejected / draws


def cells(rows: Sequence[int], seeds: Sequence[int]) -> Iterator[tuple[Cell, str, str]]:
    """All settings, with the names of ease and skill."""
    for accuracy in (0.5, 0.9, 0.99):
        for row in rows:
            for seed in seeds:
                for ease, of_rows in EASE.items():
                    for skill, of_runs in SKILL.items():
                        yield Cell(accuracy, row, seed, of_runs, of_rows), ease, skill


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=1000, help="Simulations of each setting")
    parser.add_argument("--rows", type=int, nargs="+", default=[20, 200, 2000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 5, 10])
    asked = parser.parse_args()
    head = ["accuracy", "rows", "seeds", "rows differ", "runs differ"]
    lines = [[*head, "holds accuracy", "holds difference", "width", "false alarms"]]
    for cell, ease, skill in cells(asked.rows, asked.seeds):
        found = coverage(cell, asked.draws)
        held, same, width, wrong = found
        figures = [f"{held:.3f}", f"{same:.3f}", f"{width:.3f}", f"{wrong:.3f}"]
        lines.append([f"{cell.accuracy:g}", str(cell.rows), str(cell.seeds), ease, skill, *figures])
        print(" ".join(lines[-1]), flush=True)
    print(f"\n{tables.aligned(lines)}")


if __name__ == "__main__":
    main()
