"""Results and questions of studies that no run has made."""

from experiments.studies.ablation import analysis
from experiments.studies.ablation.analysis import Question
from experiments.studies.ablation.grid import Combination


def result(accuracy: float, trainable: int = 1000, **more) -> dict:
    return {
        "metrics": {"test/accuracy": accuracy, "val/accuracy": accuracy + 0.01, "test/loss": 0.5},
        "parameters": {"trainable": trainable, "total": 10_000},
        "data": {"origin": "my.csv", "rows": {"test": 800}, "test_split": "test"},
        "checkpoint_bytes": 4 * trainable,
        "peak_memory_bytes": 2.5e9,
        "tokens_per_second": 1234.5,
        "seconds": 60.0,
        "git_commit": "0123456789abcdef",
        "run": "outputs/some/run",
        **more,
    }


RANKS = [Combination((("model.rank", str(rank)),)) for rank in (2, 8, 32)]
ACCURACY = {
    RANKS[0]: [0.812, 0.807, 0.821, 0.799, 0.815],
    RANKS[1]: [0.813, 0.806, 0.823, 0.798, 0.816],
    RANKS[2]: [0.852, 0.849, 0.858, 0.841, 0.857],
}


def results(accuracy: dict) -> analysis.Results:
    return {
        combination: {
            seed: result(value, 1000 * (place + 1), seconds=60.0 + place)
            for seed, value in enumerate(values)
        }
        for place, (combination, values) in enumerate(accuracy.items())
    }


def question(**more) -> Question:
    usual = {"name": "lora-rank", "script": "lora_sst2.py", "keys": ["model.rank"]}
    usual |= {"baseline": RANKS[0], "metric": None, "alpha": 0.05, "seeds": 5}
    return Question(**usual | more)
