"""Couples of answers in words that the tiny tokenizers know."""

import json
from pathlib import Path

from datamodules import Preferences


def read(file: Path, backbone: str) -> Preferences:
    rows = [
        {"prompt": f"{n:02}", "chosen": "good", "rejected": ("bad", "cold")[n % 2]}
        for n in range(16)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    data = Preferences(str(file), backbone, template="plain", max_length=44)
    data.setup("fit")
    return data
