"""How many planted copies does the corpus pipeline find, and what else does it remove?

    python -m experiments.benchmarks.deduplication_recall

The test set holds copies of film reviews, changed in several ways, and documents that only resemble
others.
"""

import json
import random
import string
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from datamodules.classification import bundled_reviews
from datamodules.pipeline import execution
from datamodules.pipeline.settings import Settings
from datamodules.pipeline.stage_files import read_rows


def _changed(text: str, share: float, rng: random.Random) -> str:
    """The text with some words replaced by invented ones."""
    words = text.split(" ")
    for place in rng.sample(range(len(words)), round(share * len(words))):
        words[place] = "".join(rng.choices(string.ascii_lowercase, k=6))
    return " ".join(words)


Change = Callable[[str, str, random.Random], str]
COPIES: dict[str, Change] = {
    "exact": lambda text, other, rng: text,
    "other white space": lambda text, other, rng: text.replace(" ", "  ").replace(". ", ".\n"),
    "1 % of the words changed": lambda text, other, rng: _changed(text, 0.01, rng),
    "2 % of the words changed": lambda text, other, rng: _changed(text, 0.02, rng),
    "the last tenth cut": lambda text, other, rng: text[: len(text) * 9 // 10],
    "a line added": lambda text, other, rng: f"Posted in the forum of the film.\n{text}",
}
DIFFERENT: dict[str, Change] = {
    "half of it another review": lambda text, other, rng: (
        text[: len(text) // 2] + " " + other[: len(text) // 2]
    ),
    "a fifth of the words changed": lambda text, other, rng: _changed(text, 0.2, rng),
}


def cases(seed: int, count: int) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Documents (reviews, and ``count`` texts made of them), and the kind of each text by id."""
    rng, made = random.Random(seed), {**COPIES, **DIFFERENT}
    splits = bundled_reviews("imdb").splits
    names = sorted(splits, key=lambda name: name != "test")  # those of test alone, if they suffice
    texts = [t for name in names for t in splits[name].texts if 120 < len(t.split()) < 400]
    if 2 * count > len(texts):
        raise ValueError(f"--copies {count}: at most {len(texts) // 2:,}, half of the reviews")
    rows = [{"id": f"review-{i}", "text": text} for i, text in enumerate(texts[: 2 * count])]
    planted = {}
    for number in range(count):
        name = list(made)[number % len(made)]
        text = made[name](texts[number], texts[number + count], rng)
        rows.append({"id": f"planted-{number}", "text": text})
        planted[f"planted-{number}"] = name
    rng.shuffle(rows)
    return rows, planted


def settings_of(source: Path, workers: int | None = None) -> Settings:
    """Of a corpus in the folder of its source, made without any rule but those for copies."""
    return Settings(
        source=str(source),
        output=str(source.with_name("out")),
        workers=workers,
        language_probability=0,
        rules="none",
        quality=0,
        toxicity=1,
        pii="none",
        decontaminate="none",
        vocabulary=500,
        tasks=4,
    )


def removed(rows: list[dict[str, str]], planted: dict[str, str], folder: Path) -> Counter[str]:
    """The number of removed texts of each kind; "other" counts the other removed documents."""
    source = folder / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    settings = settings_of(source)
    execution.claim_folder(settings, "planted")
    execution.run(settings, execution.stages(settings, {}))
    taken: Counter[str] = Counter()
    for row in read_rows(folder / "out" / "removed.parquet"):
        pair = {row["id"], row["kept_id"]}
        # Of a copy and its original either may stay.
        same = len({name.partition("-")[2] for name in pair}) == 1 and len(pair) == 2
        copy = [name for name in pair if name in planted]
        taken[planted[copy[0]] if same and len(copy) == 1 else "other"] += 1
    return taken


def score(taken: Counter[str], planted: dict[str, str]) -> tuple[float, float]:
    """The precision and recall of removal."""
    right = sum(taken[name] for name in COPIES)
    return right / taken.total(), right / sum(name in COPIES for name in planted.values())


def main() -> None:
    rows, planted = cases(0, 800)
    with tempfile.TemporaryDirectory() as folder:
        taken = removed(rows, planted, Path(folder))
    print(f"{len(rows) - len(planted):,} reviews and {len(planted)} texts made of them")
    for name, count in Counter(planted.values()).items():
        print(f"  {name:<30} {taken[name]:>4} of {count} removed")
    print(f"  {'other reviews':<30} {taken['other']:>4} removed")
    print("precision {:.3f}, recall {:.3f}".format(*score(taken, planted)))


if __name__ == "__main__":
    main()
