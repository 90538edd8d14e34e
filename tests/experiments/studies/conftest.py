"""The report of an ablation whose results are given."""

import random

import pytest

from experiments.studies.ablation import analysis, curves
from tests.experiments.studies.ablating import ACCURACY, question, results


@pytest.fixture(scope="module")
def report() -> analysis.Report:
    made = analysis.analyse(question(), results(ACCURACY))
    draw = random.Random(0)
    for line in made.lines:
        runs = [
            {"val/accuracy": [[10, 20, 30], [0.5 + draw.random() / 10, 0.7, line.mean]]}
            for _ in range(5)
        ]
        for metric, band in curves.bands(runs, 0.95).items():
            made.curves.setdefault(metric, {})[line.name] = band
            made.curves.setdefault("train/loss", {})[line.name] = band
    return made
