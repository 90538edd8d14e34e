"""Sweep files for the tests: a grid and a random search of lora_sst2.py."""

import yaml

GRID = {
    "program": "experiments/lora_sst2.py",
    "method": "grid",
    "metric": {"name": "val/accuracy", "goal": "maximize"},
    "parameters": {
        "model.rank": {"values": [2, 8]},
        "model.learning_rate": {"values": [1e-3, 3e-3]},
        "trainer.max_epochs": {"value": 1},
    },
}
RANDOM = GRID | {
    "method": "random",
    "parameters": {
        "model.learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1},
        "model.rank": {"values": [2, 8]},
    },
}


def write(folder, said: dict, name: str = "mine.yaml") -> str:
    (folder / name).write_text(yaml.safe_dump(said))
    return str(folder / name)
