"""How often do the intervals of a gain by pre-training hold the true gain?

    python -m experiments.benchmarks.gain_coverage
    python -m experiments.benchmarks.gain_coverage --draws 200 --rows 802 --seeds 10

The study ``pretrain_then_finetune.py`` is simulated with a known gain: both networks are fine-tuned
by the same seeds, which share their labelled rows, and tested on the same sentences. A sentence is
answered rightly if its ease, the labelled rows, the run's luck and chance add up to enough (a
probit model). With ``pre-training`` the pre-trained network is one of many of its kind, and the
true gain is their mean: the intervals of one pre-training do not claim to hold that.
"""

import argparse
from collections.abc import Sequence
from itertools import product

import numpy as np

from experiments.reporting import paired_rows, tables

BASE = 0.62  # accuracy of the new network
EASE, ROWS_DRAWN, LUCK = 1.0, 0.06, 0.04  # deviations, beside chance's 1
PRETRAINING = {"none": 0.0, "0.5 points": 0.0186}  # deviation of pre-trained networks


def simulated(
    gain: float, rows: int, seeds: int, spread: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Right answers of the pre-trained and the new network, (seeds, rows) each."""
    from scipy.special import ndtr, ndtri

    ease = EASE * random.standard_normal(rows)
    labelled = ROWS_DRAWN * random.standard_normal((seeds, 1))
    made = []
    for accuracy, deviation in ((BASE + gain, spread), (BASE, 0.0)):
        varies = 1 + EASE**2 + ROWS_DRAWN**2 + LUCK**2 + deviation**2
        # Two networks share most of what makes a sentence easy, and not all of it.
        own = np.sqrt(0.8) * ease + np.sqrt(0.2) * EASE * random.standard_normal(rows)
        luck = labelled + LUCK * random.standard_normal((seeds, 1))
        network = deviation * random.standard_normal()
        chance = ndtr(ndtri(accuracy) * np.sqrt(varies) + own + luck + network)
        made.append((random.random((seeds, rows), dtype=np.float32) < chance).astype(float))
    return made[0], made[1]


def coverage(
    gain: float, rows: int, seeds: int, spread: float, draws: int
) -> tuple[float, float, float]:
    """Shares of intervals that hold the gain, over both errors and over seeds alone; half-width.

    The second is Student's over the differences of the seeds.
    """
    from scipy.special import stdtrit

    random = np.random.default_rng(0)
    held, of_seeds, halves = 0, 0, []
    for _ in range(draws):
        ours, theirs = simulated(gain, rows, seeds, spread, random)
        found = paired_rows.difference(ours, theirs, 1.0, share=True)
        held += found.low <= gain <= found.high
        halves.append((found.high - found.low) / 2)
        each = (ours - theirs).mean(1)
        reach = stdtrit(seeds - 1, 0.975) * each.std(ddof=1) / np.sqrt(seeds)
        of_seeds += abs(each.mean() - gain) <= reach
    return held / draws, of_seeds / draws, float(np.mean(halves))


def table(draws: int, gains: Sequence[float], rows: Sequence[int], seeds: Sequence[int]) -> str:
    """The coverage of every setting, as Markdown."""
    head = ["gain, points", "rows", "seeds", "pre-training varies by"]
    lines = [[*head, "both errors", "seeds alone", "half-width, points"]]
    for gain, row, seed, (name, spread) in product(gains, rows, seeds, PRETRAINING.items()):
        both, alone, half = coverage(gain, row, seed, spread, draws)
        found = [f"{both:.3f}", f"{alone:.3f}", f"{100 * half:.2f}"]
        lines.append([f"{100 * gain:g}", str(row), str(seed), name, *found])
        print(" ".join(lines[-1]), flush=True)
    return tables.aligned(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=1000, help="Simulations of each setting")
    parser.add_argument("--gains", type=float, nargs="+", default=[0.0, 0.03])
    parser.add_argument("--rows", type=int, nargs="+", default=[802, 4699])
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 10])
    asked = parser.parse_args()
    print(f"\n{table(asked.draws, asked.gains, asked.rows, asked.seeds)}")


if __name__ == "__main__":
    main()
