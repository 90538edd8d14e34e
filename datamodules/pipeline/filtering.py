"""Cleans documents and filters them; each removal is recorded with its reason."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from datamodules.pipeline import cleaning, pii, rules, scores
from datamodules.pipeline.decontamination import ContaminationIndex
from datamodules.pipeline.normalization import count_words, text_digest
from datamodules.pipeline.pages import Page
from datamodules.pipeline.settings import Settings
from datamodules.pipeline.stage_files import DOCUMENT, REMOVED, Counts, ParquetRows

_BROKEN = 0.01  # share of characters that an encoding lost
_EXCERPT = 300


class Reason(NamedTuple):
    """The reason to remove a document."""

    rule: str
    value: float
    threshold: float
    detail: str = ""


class DocumentFilter(PipelineStep):
    """Writes documents to ``kept/`` or ``removed/``, one file of each per task.

    Args:
        settings: The settings of the corpus.
        reading: The step before, which counts what could not be read.
    """

    name, type = "screening", "FILTER"

    def __init__(self, settings: Settings, reading: PipelineStep) -> None:
        super().__init__()
        self.settings, self.reading = settings, reading
        self.languages = settings.listed("languages")
        self.groups = {name: rules.GROUPS[name] for name in settings.listed("rules")}
        self.kinds = tuple(settings.listed("pii"))
        self.contamination: ContaminationIndex | None = None
        self.counts = Counts()

    def run(self, data: Iterable[Document], rank: int = 0, world_size: int = 1) -> None:
        work = self.settings.work
        sets = work / "contamination.npz"
        self.contamination = ContaminationIndex(sets) if sets.exists() else None
        name = f"{rank:05d}"
        with (
            ParquetRows(work / "kept" / f"{name}.parquet", DOCUMENT) as kept,
            ParquetRows(work / "removed" / f"{name}.parquet", REMOVED) as removed,
        ):
            for document in data:
                self._screen(document, kept, removed)
        self.counts.unreadable = self.reading.unreadable
        self.counts.unreadable_count = self.reading.unreadable_count
        self.counts.save(work / "counts" / f"{name}.json")

    def _screen(self, document: Document, kept: ParquetRows, removed: ParquetRows) -> None:
        facts, counts = document.metadata, self.counts
        source = {"id": document.id, "source": facts["source"]}
        counts.inputs += int.from_bytes(text_digest(document.text), "little")
        page = Page(document.text, "")
        size = _size(page.text)
        for stage, reasons in self._stages(page, facts.get("html")):
            counts.into(stage, size)
            before = page.text
            reason = next(reasons, None)
            if reason is not None:
                counts.removed[f"{stage}/{reason.rule}"] += 1
                removed.add(
                    **source, stage=stage, **reason._asdict(), excerpt=before.strip()[:_EXCERPT]
                )
                return
            size = size if page.text is before else _size(page.text)
            counts.out_of(stage, size)
        # C4's rules leave lines out; what is written is what the lines make.
        text = "\n".join(line.text for line in page.lines)
        kept.add(
            **source,
            licence=facts.get("licence"),
            language=page.language,
            quality=page.quality,
            digest=text_digest(text),
            sentence_ends=page.sentence_ends(),
            text=text,
        )

    def _stages(self, page: Page, html: bool | None) -> Iterator[tuple[str, Iterator[Reason]]]:
        """The stages by name. Each may change the page, and yields a reason to remove it."""
        yield "clean", self._clean(page, html)
        if self.kinds:
            yield "personal data", self._mask(page)
        yield "language", self._language(page)
        for name, group in self.groups.items():
            yield name, self._apply_rules(page, group)
        yield "quality", self._quality(page)
        if self.settings.toxicity < 1:
            yield "safety", self._safety(page)
        if self.contamination:
            yield "decontamination", self._overlap(page)

    def _clean(self, page: Page, html: bool | None) -> Iterator[Reason]:
        text = cleaning.clean(page.text, html)
        if self.settings.notices == "drop":
            text, count = cleaning.without_notices(text)
            self.counts.edits["lines with a notice of rights"] += count
        if not text:
            yield Reason("empty", 0, 1)
        broken = cleaning.broken_share(text)
        if broken > _BROKEN:
            yield Reason("broken_encoding", broken, _BROKEN)
        page.text = text

    def _mask(self, page: Page) -> Iterator[Reason]:
        page.text, found = pii.mask(page.text, self.kinds)
        self.counts.edits.update({f"{kind} masked": n for kind, n in found.items()})
        yield from ()

    def _language(self, page: Page) -> Iterator[Reason]:
        least = self.settings.language_probability
        page.language = self.languages[0]
        if least > 0:
            language, probability = scores.detect_language(page.text)
            if language not in self.languages:
                # Whatever it is, it is too little of what is wanted.
                yield Reason("language", 0, least, f"{language} {probability:.2f}")
            if probability < least:
                yield Reason("language", probability, least, language)
            page.language = language
        page.split()

    def _apply_rules(self, page: Page, group) -> Iterator[Reason]:
        limits = rules.limits_of(page.language, self.settings.rules_of)
        for rule, value, limit, broken in group(page, limits):
            if broken:
                yield Reason(rule, float(value), float(limit))

    def _quality(self, page: Page) -> Iterator[Reason]:
        page.quality = scores.quality_score(page)
        if page.quality < self.settings.quality:
            yield Reason("quality", page.quality, self.settings.quality)

    def _safety(self, page: Page) -> Iterator[Reason]:
        share = scores.toxicity_score(page)
        if share > self.settings.toxicity:
            yield Reason("toxicity", share, self.settings.toxicity)

    def _overlap(self, page: Page) -> Iterator[Reason]:
        assert self.contamination is not None
        if found := self.contamination.find(page.text):
            overlap, name = found
            words = len(overlap.split())
            yield Reason("contamination", words, words, f"{name}: {overlap}")


def _size(text: str) -> tuple[int, int]:
    return count_words(text), len(text.encode("utf-8", "surrogatepass"))


def remaining_rows(rows: Iterable[dict[str, Any]], dropped: set[int]) -> Iterator[tuple[int, dict]]:
    """The numbered rows of a kept file without those that a later stage dropped."""
    for number, row in enumerate(rows):
        if number not in dropped:
            yield number, row


def kept_files(work: Path) -> list[Path]:
    """The files of kept documents, one for each task."""
    return sorted((work / "kept").glob("*.parquet"))
