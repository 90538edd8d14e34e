"""Checked splits of tagged sentences: one scheme of tags, and no sentence in two parts."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datamodules import text_tables
from datamodules.files import fault
from datamodules.spelling import did_you_mean
from datamodules.splitting import key_of, stratified_split
from datamodules.tagging.schemes import StrayTag, bio_names, has_entities, to_bio
from datamodules.tagging.sentences import Sentences
from datamodules.words import entity_types


@dataclass(frozen=True)
class TaggedDataset:
    """The splits of a data set of tagged sentences.

    Attributes:
        splits: "train", "validation" and "test".
        label_names: The tags in the order of their ids; O first where they mark entities.
        notes: Remarks for the user, a line each.
        entities: Whether the tags mark entities.
    """

    splits: dict[str, Sentences]
    label_names: list[str]
    notes: list[str]
    entities: bool

    @property
    def fingerprint(self) -> str:
        """A digest of every word and tag of every split."""
        digest = hashlib.sha256()
        for name in sorted(self.splits):
            part = self.splits[name]
            digest.update(repr([name, part.words, part.tags]).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]

    def ids(self, split: str) -> list[list[int]]:
        """The id of the tag of each word."""
        number = {name: place for place, name in enumerate(self.label_names)}
        return [[number[tag] for tag in tags] for tags in self.splits[split].tags]

    def counts(self) -> dict[str, list[int]]:
        """The number of entities of each type, or of words with each tag, by split."""
        names = self.counted()
        found = {}
        for split, part in self.splits.items():
            tags = Counter(tag for sentence in part.tags for tag in sentence)
            found[split] = [tags[f"B-{name}" if self.entities else name] for name in names]
        return found

    def counted(self) -> list[str]:
        """The types of entities, or the tags, that ``counts`` counts, in its order."""
        return entity_types(self.label_names) if self.entities else self.label_names

    def baseline(self) -> dict[str, float]:
        """The accuracy by word of giving each word its most frequent tag in train, by split."""
        seen: dict[str, Counter] = {}
        every: Counter = Counter()
        train = self.splits["train"]
        for words, tags in zip(train.words, train.tags, strict=True):
            for word, tag in zip(words, tags, strict=True):
                seen.setdefault(word, Counter())[tag] += 1
                every[tag] += 1
        usual = every.most_common(1)[0][0]
        best = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
        found = {}
        for split, part in self.splits.items():
            words = [word for sentence in part.words for word in sentence]
            tags = [tag for sentence in part.tags for tag in sentence]
            hits = sum(best.get(w, usual) == tag for w, tag in zip(words, tags, strict=True))
            found[split] = hits / len(words)
        return {split: value for split, value in found.items() if split != "train"}

    def preflight(self) -> str:
        """A table of the tags, the baseline, and the rarest ones."""
        names, counts = self.counted(), self.counts()
        order = sorted(range(len(names)), key=lambda i: -counts["train"][i])
        shown = order[:12]
        rows = [
            [text_tables.cut(names[i], 32), *(f"{counts[split][i]:,}" for split in counts)]
            for i in shown
        ]
        title = "entities" if self.entities else "tag"
        table = text_tables.columns([[title, *counts], *rows], range(1, len(counts) + 1))
        more = f"\n… and {len(order) - len(shown):,} more" if len(order) > len(shown) else ""
        score = ", ".join(f"{value:.4f} {split}" for split, value in self.baseline().items())
        return f"{table}{more}\nmost frequent tag of each word: accuracy {score}"


def tagged_dataset(found: Mapping[str, Sentences], source: str, bad_rows: str) -> TaggedDataset:
    """Make checked splits; without validation or test, train is split by the hash of its sentences.

    The tags of entities become BIO, and the tags are those of train.

    Raises:
        ValueError: For a tag that train has not, or that is of another scheme; with its row.
    """
    splits, notes = dict(found), [note for part in found.values() for note in part.notes]
    every = {tag for part in splits.values() for tags in part.tags for tag in tags}
    entities = has_entities(sorted(every))
    if entities:
        for name, part in splits.items():
            splits[name], repaired = _as_bio(part, source, name)
            if repaired:
                notes.append(
                    f"{name}: {repaired:,} entities began with I-, and are read as beginning there"
                )
    train = {tag for tags in splits["train"].tags for tag in tags}
    types = entity_types(sorted(train))
    names = bio_names(types) if entities else sorted(train)
    for name, part in splits.items():
        splits[name] = _of_known_tags(part, names, source, name, bad_rows, notes)
    if len(names) < 2:
        raise fault(source, f"has one tag only, {names[0]!r}: give data with more", "tags_column")
    return TaggedDataset(_complete(splits, source, entities, notes), names, notes, entities)


def _as_bio(part: Sentences, source: str, split: str) -> tuple[Sentences, int]:
    tags, repaired = [], 0
    for row, sentence in zip(part.rows, part.tags, strict=True):
        try:
            made, inside = to_bio(sentence)
        except StrayTag as error:
            raise fault(f"{source}, {split}", str(error), "tags_column", row) from error
        tags.append(made)
        repaired += inside
    return Sentences(part.words, tags, part.rows, part.notes), repaired


def _of_known_tags(
    part: Sentences, names: list[str], source: str, split: str, bad_rows: str, notes: list[str]
) -> Sentences:
    known, kept = set(names), []
    for place, (row, tags) in enumerate(zip(part.rows, part.tags, strict=True)):
        strange = next((tag for tag in tags if tag not in known), None)
        if strange is None:
            kept.append(place)
        elif bad_rows == "stop":
            message = (
                f"the tag {strange!r} is not in train{did_you_mean(strange, names)}: "
                f"mend it, or leave such rows out with --data.bad_rows skip"
            )
            raise fault(f"{source}, {split}", message, "tags_column", row)
    if len(kept) < len(part.rows):
        notes.append(
            f"{split}: {len(part.rows) - len(kept):,} sentences left out with tags that train has "
            f"not"
        )
    return part if len(kept) == len(part.rows) else part.take(kept)


def _complete(
    splits: dict[str, Sentences], source: str, entities: bool, notes: list[str]
) -> dict[str, Sentences]:
    """Split train for the parts that are missing; a sentence that stands twice counts once."""
    if "validation" in splits:
        return splits
    train = splits["train"]
    texts = [" ".join(words) for words in train.words]
    first: dict[str, int] = {}
    for place, text in enumerate(texts):
        first.setdefault(text, place)
    unique = list(first.values())
    if len(unique) < len(texts):
        notes.append(f"{len(texts) - len(unique):,} sentences that stand twice were left out")
    # Those with the rarest type of entity together, so that each part has its share of it.
    counts = Counter(tag for tags in train.tags for tag in tags)
    strata = [
        min((tag for tag in train.tags[i] if tag[:2] == "B-"), key=lambda t: counts[t], default="")
        if entities
        else ""
        for i in unique
    ]
    shares = {"validation": 0.1, "test": 0.0 if "test" in splits else 0.1}
    parts = stratified_split([key_of(texts[i]) for i in unique], strata, **shares)
    made = {name: train.take([unique[i] for i in places]) for name, places in parts.items()}
    if "test" in splits:
        made["test"] = splits["test"]
    if empty := [name for name, part in made.items() if not part.words]:
        message = (
            f"{len(unique):,} different sentences are too few to be split, none for {empty[0]}"
        )
        raise fault(source, f"{message}: add some, or give a folder", "source")
    sizes = ", ".join(f"{len(part.words):,} {name}" for name, part in made.items())
    notes.append(f"train was split by the hash of its sentences: {sizes}")
    return made


def facts(dataset: TaggedDataset) -> dict[str, Any]:
    """The facts about the tags that the records of a run keep."""
    return {
        "labels": dataset.label_names,
        "label_counts": dataset.counts(),
        "baseline": {"most_frequent_tag_accuracy": dataset.baseline()},
    }
