"""Questions about contexts, and questions with choices, in words that the tiny tokenizers know."""

import json
from pathlib import Path
from typing import Any

from datamodules import ChoiceFiles, QuestionFiles

CONTEXTS = [
    "a warm film of the year",
    "the best tale and a dull film",
    "a cold tale",
    "clever film",
]
ASKED = [("the film", "film"), ("a tale", "tale"), ("warm and cold", "warm"), ("best", "best")]


def questions() -> list[dict[str, Any]]:
    """Rows of question, context and answer; none where the context has none."""
    return [
        {"question": asked, "context": context, "answer": word if word in context else ""}
        for context in CONTEXTS
        for asked, word in ASKED
    ]


def write(folder: Path, rows: list[dict[str, Any]], *splits: str) -> Path:
    """Write the rows as JSON lines, the same to each split."""
    folder.mkdir(exist_ok=True, parents=True)
    for split in splits or ("train", "dev"):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    return folder


def read(folder: Path, backbone: str, **settings: Any) -> QuestionFiles:
    settings = {"batch_size": 8, **settings}
    data = QuestionFiles(str(write(folder, questions())), tokenizer=backbone, **settings)
    data.setup("fit")
    return data


def with_choices() -> list[dict[str, Any]]:
    """Rows of question, context, two or three choices and the right one."""
    return [
        {
            "context": context,
            "question": "the film",
            "choices": ["warm", "cold", "best"][: 2 + number % 2],
            "answer": number % 2,
        }
        for number, context in enumerate(CONTEXTS * 4)
    ]


def read_choices(folder: Path, backbone: str, **settings: Any) -> ChoiceFiles:
    settings = {"batch_size": 8, **settings}
    data = ChoiceFiles(str(write(folder, with_choices())), tokenizer=backbone, **settings)
    data.setup("fit")
    return data
