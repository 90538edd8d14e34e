"""Couples of answers in words that the tiny tokenizers know."""

import json
from pathlib import Path

from datamodules import Preferences


def write(file: Path) -> str:
    """Write 16 couples as JSON lines."""
    rows = [
        {"prompt": f"{n:02}", "chosen": "good", "rejected": ("bad", "cold")[n % 2]}
        for n in range(16)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    return str(file)


def read(file: Path, backbone: str) -> Preferences:
    data = Preferences(write(file), backbone, template="plain", max_length=44)
    data.setup("fit")
    return data
