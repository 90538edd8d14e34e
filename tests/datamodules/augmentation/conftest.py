"""A WordNet of a few words, and a text to augment."""

from pathlib import Path

import pytest

from datamodules.augmentation import augmented_copies, methods, synonyms

TEXT = (
    "The Movie was long. We began to watch the film at night!  Was the car fast?\n"
    "It cost 3.5 million dollars, or so the MOVIE says. 好看。Nobody knew"
)
ENTRIES = {  # part of speech: lemma, count of its first sense, words of that sense
    "noun": [("movie", 9, "movie film moving_picture"), ("film", 5, "movie film pic")],
    "verb": [("film", 1, "film shoot"), ("began", 3, "began started")],
    "adj": [("long", 2, "long(a) lengthy"), ("night", 0, "night Nyx")],
    "adv": [],
}


def write_wordnet(folder: Path) -> None:
    counts = []
    for number, (part, entries) in enumerate(ENTRIES.items(), 1):
        data, index = ["  1 a licence  "], ["  1 a licence  "]
        for place, (lemma, count, words) in enumerate(entries):
            words = words.split()
            fields = " ".join(f"{word} 0" for word in words)
            data.append(f"{place:08d} 00 n {len(words):02x} {fields} 000 | said of it  ")
            index.append(f"{lemma} n 2 1 @ 2 1 {place:08d} 99999999  ")
            counts += [f"{lemma}%{number}:00:00:: 1 {count}", f"{lemma}%{number}:00:01:: 2 50"]
        # The published archive's lines end so, and its offsets do not know it.
        (folder / f"data.{part}").write_bytes("\r\n".join([*data, ""]).encode())
        (folder / f"index.{part}").write_bytes("\r\n".join([*index, ""]).encode())
    (folder / "cntlist.rev").write_text("\n".join(counts))


def augmented(texts, labels, methods, copies, seed):
    """The copies, and the labels of what they were made of."""
    made = augmented_copies(texts, labels, methods, copies, seed)
    return [text for text, _ in made], [labels[row] for _, row in made if labels is not None]


@pytest.fixture(autouse=True)
def small_wordnet(request, tmp_path, monkeypatch):
    if request.node.get_closest_marker("slow") is None:
        write_wordnet(tmp_path)
        monkeypatch.setattr(methods, "wordnet", lambda: synonyms.WordNet(tmp_path))
