"""The settings of a corpus: every flag of ``prepare_corpus.py``."""

import functools
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from datamodules.augmentation.methods import METHODS
from datamodules.pipeline import pii, rules
from datamodules.pipeline.formats.documents import Kind, ReadingOptions
from datamodules.pipeline.locating import Source
from datamodules.spelling import did_you_mean
from datamodules.units import UNITS
from datamodules.unread import Unread, off

TRAINED = ("bpe", "wordpiece", "unigram")  # kinds of tokenizers that are trained on the corpus
# Settings that may differ between two calls that make the same corpus.
_EXECUTION = ("output", "workers", "executor", "partition", "time_limit", "unreadable")


@dataclass(frozen=True)
class Settings:
    """The settings of a corpus of one source, or of several.

    Args:
        source: Raw documents: imdb | sotu (bundled); a file, folder or glob of .txt .md .html
            .json .jsonl .csv .tsv .parquet .xml .warc .wet .arc or without an extension, also
            compressed; or a data set on the hub as owner/name or owner/name:config. Given several
            times, several sources.
        output: Folder for the corpus.
        weights: Share of each source of the corpus's words, joined by commas, such as 0.7,0.3:
            documents of the others are left out by the seed until the shares hold. By default, all
            documents stay.
        limit: Number of documents to read of each source, the first ones; all by default.
        kind: Kind of the text: prose | code | dialogue. It decides which files are read and which
            rules hold. One for all sources, or one for each, joined by commas.
        unit: Part of a text that is a document: line | paragraph (between blank lines) | document
            (between marks such as <doc> or <|endoftext|>) | file (the whole of it) | auto (found
            out, and said). One for all sources, or one for each, joined by commas.
        wrapped: Treatment of the lines of hard-wrapped text, such as books and mail: join makes
            paragraphs of them, keep leaves them.
        split: Split of a data set on the hub.
        streaming: Whether a data set on the hub is read without a download of the whole before.
        text_column: Column of the text in jsonl, csv, parquet and hub data, or a path such as
            data.text; without a column "text", a usual name such as body or content is taken. One
            for all sources, or one for each, joined by commas.
        id_column: Column of the document's id in such data, where there is one.
        unreadable: Treatment of what cannot be read: skip names and counts it, stop ends the run.
        languages: Codes of the languages to keep, joined by commas.
        language_probability: Probability of the language below which a document is removed; 0 keeps
            all and takes the first language's rules.
        rules: Groups of filter rules for prose and dialogue in their order, joined by commas, or
            none. Source code has the rules of Codex, unless none are asked for.
        rules_of: Units of the rules: paper (words are no punctuation marks, repetitions occur at
            least twice) | datatrove (as its filters count).
        quality: Quality score from 0 to 1 below which a document is removed; 0 does not rate.
        toxicity: Share of offensive sentences above which a document is removed; 1 does not rate.
        pii: Kinds of personal data to mask, joined by commas, or none.
        notices: Treatment of lines that only state copyright or a licence, and of the frame of
            Project Gutenberg's books: keep | drop.
        decontaminate: Evaluation sets that must not be in the corpus, joined by commas: imdb,
            rotten_tomatoes (their validation and test rows) or files; or none.
        exact_duplicates: Treatment of exact duplicates: keep | drop; near_duplicates finds those
            that are kept.
        near_duplicates: Jaccard similarity of 5-word shingles from which a document is a duplicate;
            1 does not look for any.
        tokenizer: Kind of a tokenizer to train on the corpus: bpe | wordpiece | unigram; or a
            finished one: a bundled name, a folder or a hub id.
        vocabulary: Number of entries of a trained tokenizer.
        lowercase: Whether a trained tokenizer lowercases the text.
        validation: Share of the documents for the validation split.
        augment: Methods by which each training document gets one changed copy, joined by commas:
            deletion, swap, sentence_shuffle, recombination; of English text also synonyms and
            back_translation; or none.
        seed: Seed of the augmentation, and of the draw by weights.
        tasks: Number of tasks that share the work; after a kill, a task starts again.
        workers: Number of processes at a time; the number of cores by default.
        executor: Place where the tasks run; ray and slurm need their clusters.
        partition: Partition of Slurm.
        time_limit: Time limit of a Slurm job.
    """

    unread: ClassVar[tuple[Unread, ...]] = (
        Unread(("rules_of",), "rules", off),
        Unread(("vocabulary",), "tokenizer", lambda name: name not in TRAINED),
        Unread(("partition", "time_limit"), "executor", "slurm".__ne__),
    )

    source: list[str] | str
    output: str
    weights: str = ""
    limit: int | None = None
    kind: str = "prose"
    unit: str = "auto"
    wrapped: Literal["join", "keep"] = "join"
    split: str = "train"
    streaming: bool = False
    text_column: str = "text"
    id_column: str = "id"
    unreadable: Literal["skip", "stop"] = "skip"
    languages: str = "en"
    language_probability: float = 0.65
    rules: str = ",".join(rules.GROUPS)
    rules_of: Literal["paper", "datatrove"] = "paper"
    quality: float = 0.5
    toxicity: float = 0.3
    pii: str = ",".join(pii.KINDS)
    notices: Literal["keep", "drop"] = "drop"
    decontaminate: str = "imdb,rotten_tomatoes"
    exact_duplicates: Literal["keep", "drop"] = "drop"
    near_duplicates: float = 0.7
    tokenizer: str = "bpe"
    vocabulary: int = 16_000
    lowercase: bool = False
    validation: float = 0.01
    augment: str = "none"
    seed: int = 0
    tasks: int = 16
    workers: int | None = None
    executor: Literal["local", "ray", "slurm"] = "local"
    partition: str = ""
    time_limit: str = "04:00:00"

    def __post_init__(self) -> None:
        for name in ("language_probability", "quality", "toxicity", "near_duplicates"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"--{name} {value}: must be from 0 to 1")
        if not 0 <= self.validation < 1:
            raise ValueError(f"--validation {self.validation}: must be at least 0 and below 1")
        for name in ("tasks", "vocabulary"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)}: must be at least 1")
        if self.lowercase and self.tokenizer not in TRAINED:
            raise ValueError(f"--lowercase: {self.tokenizer} is trained already")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"--workers {self.workers}: must be at least 1")
        if not self.listed("languages"):
            raise ValueError("--languages: name at least one, such as en")
        if self.executor == "slurm" and not self.partition:
            raise ValueError("--executor slurm needs --partition NAME")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"--limit {self.limit}: must be at least 1")
        for name, known in (("kind", get_args(Kind)), ("unit", UNITS)):
            for word in self._of_each(name):
                if word not in known:
                    hint = did_you_mean(word, known)
                    raise ValueError(f"--{name} {word}: must be {' | '.join(known)}{hint}")
        if not self.sources:
            raise ValueError("--source: give at least one")
        self._known("rules", tuple(rules.GROUPS))
        self._known("pii", pii.KINDS)
        self._known("augment", tuple(METHODS))
        english = {"synonyms", "back_translation"}.intersection(self.listed("augment"))
        if english and "en" not in self.listed("languages"):
            raise ValueError(
                f"--augment {', '.join(sorted(english))}: changes English text only, and "
                f"--languages is {self.languages}; take deletion, swap or sentence_shuffle"
            )
        from datamodules.pipeline.pages import line_splitter  # with spaCy, which imports torch

        for language in self.listed("languages"):
            line_splitter(language)

    def _known(self, name: str, names: tuple[str, ...]) -> None:
        for word in self.listed(name):
            if word not in names:
                hint = did_you_mean(word, names)
                raise ValueError(f"--{name} {word}: there are {', '.join(names)}, or none{hint}")

    def listed(self, name: str) -> list[str]:
        """The words of a setting that is a list joined by commas; none for "none"."""
        value = getattr(self, name)
        return [] if value == "none" else [word.strip() for word in value.split(",") if word]

    @functools.cached_property
    def sources(self) -> list[Source]:
        """The sources in their order, each with how it is read."""
        names = [self.source] if isinstance(self.source, str) else self.source
        columns, kinds, units, splits = map(self._of_each, ("text_column", "kind", "unit", "split"))
        weights = self._shares(len(names))
        return [
            Source(
                name,
                number,
                ReadingOptions(columns[number], self.id_column, kinds[number], units[number]),  # type: ignore[arg-type]  # checked
                splits[number],
                self.streaming,
                self.limit,
                weights[number],
            )
            for number, name in enumerate(names)
        ]

    def _of_each(self, name: str) -> list[str]:
        """The words of a setting that is one for all sources, or one for each."""
        count = 1 if isinstance(self.source, str) else len(self.source)
        words = [word.strip() for word in getattr(self, name).split(",")]
        if len(words) not in (1, count):
            raise ValueError(
                f"--{name} {getattr(self, name)}: {len(words)} for {count} "
                f"source{'s' * (count > 1)}; give one for all, or one for each"
            )
        return words * count if len(words) == 1 else words

    def _shares(self, count: int) -> list[float] | list[None]:
        if not self.weights:
            return [None] * count
        try:
            weights = [float(word) for word in self.weights.split(",")]
        except ValueError:
            weights = []
        if len(weights) != count or not all(0 < weight < float("inf") for weight in weights):
            raise ValueError(
                f"--weights {self.weights}: give one number above 0 for each of the {count} "
                f"sources, joined by commas, such as 0.7,0.3"
            )
        return [weight / sum(weights) for weight in weights]

    @property
    def folder(self) -> Path:
        """The absolute path of the corpus."""
        return Path(self.output).expanduser().absolute()

    @property
    def work(self) -> Path:
        """The folder of the files between stages; it is removed when the corpus is whole."""
        return self.folder / "work"

    def content_settings(self) -> dict[str, Any]:
        """The settings on which the content of the corpus depends, as JSON has them."""
        kept = {k: v for k, v in asdict(self).items() if k not in _EXECUTION}
        if isinstance(self.source, list) and len(self.source) == 1:
            kept["source"] = self.source[0]
        return json.loads(json.dumps(kept))

    @classmethod
    def completed(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings of a corpus that was made before there were some of the flags."""
        defaults = {f.name: f.default for f in fields(cls) if f.name not in _EXECUTION}
        return {k: v for k, v in defaults.items() if k not in ("source",)} | settings
