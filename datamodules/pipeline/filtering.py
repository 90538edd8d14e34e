"""Cleans documents and filters them; each removal is recorded with its reason."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from datamodules.books import without_frame
from datamodules.pipeline import cleaning, kinds, notices, pii, scores
from datamodules.pipeline.decontamination import ContaminationIndex
from datamodules.pipeline.normalization import count_words, text_digest
from datamodules.pipeline.pages import CODE, Page
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
        self.groups = settings.listed("rules")
        self.personal = tuple(settings.listed("pii"))
        self.contamination: ContaminationIndex | None = None
        self.stage_names: list[str] = []
        self._others = {
            "personal data": self._mask,
            "language": self._language,
            "quality": self._quality,
            "safety": self._safety,
            "decontamination": self._overlap,
        }
        self.counts = Counts()
        self._lap = 0.0

    def run(self, data: Iterable[Document], rank: int = 0, world_size: int = 1) -> None:
        work = self.settings.work
        sets = work / "contamination.npz"
        self.contamination = ContaminationIndex(sets) if sets.exists() else None
        there = [self._stages_of(source.options.kind) for source in self.settings.sources]
        self.stage_names = [name for name in there[0] if any(one[name] for one in there)]
        name = f"{rank:05d}"
        with (
            ParquetRows(work / "kept" / f"{name}.parquet", DOCUMENT) as kept,
            ParquetRows(work / "removed" / f"{name}.parquet", REMOVED) as removed,
        ):
            self._lap = process_time()
            for document in data:
                self._screen(document, kept, removed)
                self._spent("writing")
        self.counts.unreadable = self.reading.unreadable
        self.counts.unreadable_count = self.reading.unreadable_count
        self.counts.left_out, self.counts.notes = self.reading.left_out, self.reading.notes
        self.counts.save(work / "counts" / f"{name}.json")

    def _spent(self, part: str) -> None:
        """Count the processor time since the last call as that of a part of the work."""
        began, self._lap = self._lap, process_time()
        self.counts.seconds[part] += self._lap - began

    def _screen(self, document: Document, kept: ParquetRows, removed: ParquetRows) -> None:
        facts, counts = document.metadata, self.counts
        source = {"id": document.id, "source": facts["source"]}
        counts.inputs += int.from_bytes(text_digest(document.text), "little")
        page = Page(document.text, "")
        size = _size(page.text)
        self._spent("reading")
        for stage, reasons in self._stages(page, facts):
            counts.into(stage, size)
            before = page.text
            reason = next(reasons, None)
            if reason is not None:
                self._spent(stage)
                counts.removed[f"{stage}/{reason.rule}"] += 1
                removed.add(
                    **source, stage=stage, **reason._asdict(), excerpt=before.strip()[:_EXCERPT]
                )
                return
            after = size if page.text is before else _size(page.text)
            # Most of a page is markup, which the first stage takes off.
            markup = stage == "clean" and (facts.get("html") or cleaning.is_page(before))
            if after[0] * 2 < size[0] and not markup:
                counts.shortened_by(stage, document.id, size[0], after[0])
            size = after
            counts.out_of(stage, size)
            self._spent(stage)
        if page.language == CODE:
            page.split()
        # C4's rules leave lines out; what is written is what the lines make.
        text = "\n".join(line.text for line in page.lines)
        kept.add(
            **source,
            source_number=facts.get("source_number", 0),
            licence=facts.get("licence"),
            language=page.language,
            quality=page.quality,
            words=count_words(text),
            digest=text_digest(text),
            sentence_ends=page.sentence_ends(),
            text=text,
        )

    def _stages(self, page: Page, facts: dict[str, Any]) -> Iterator[tuple[str, Iterator[Reason]]]:
        """The stages by name. Each may change the page, and yields a reason to remove it.

        A document passes a stage that is only for another kind of text.
        """
        kind = facts.get("kind", "prose")
        wanted = self._stages_of(kind)
        for name in self.stage_names:
            if not wanted[name]:
                yield name, iter(())
            elif name == "clean":
                yield name, self._clean(page, facts)
            elif name in self._others:
                yield name, self._others[name](page, kind)
            else:
                yield name, self._apply_rules(page, name, kind)

    def _stages_of(self, kind: str) -> dict[str, bool]:
        """All stages in their order, and whether a kind of text has them."""
        code = kind == "code"
        return {
            "clean": True,
            "personal data": bool(self.personal),
            "language": not code,
            **dict.fromkeys(self.groups, not code),
            kinds.CODE_RULES: code and bool(self.groups),
            "quality": kind == "prose",
            "safety": self.settings.toxicity < 1 and not code,
            "decontamination": self.contamination is not None,
        }

    def _clean(self, page: Page, facts: dict[str, Any]) -> Iterator[Reason]:
        text, edits = page.text, self.counts.edits
        drop = self.settings.notices == "drop"
        code = facts.get("kind") == "code"
        if code:
            text = cleaning.clean_code(text)
        else:
            body = without_frame(text) if drop else None
            if body is not None:
                edits["frames of books removed"] += 1
                text = body
            join = self.settings.wrapped == "join"
            before = edits["texts with hard-wrapped lines joined"]
            text = cleaning.clean(
                text, facts.get("html"), facts.get("markdown", False), join, edits
            )
            joined = edits["texts with hard-wrapped lines joined"] > before
            page.book = body is not None or (joined and count_words(text) >= kinds.BOOK_WORDS)
            if drop:
                text, count = notices.without_notices(text)
                edits["lines with a notice of rights"] += count
        if not text:
            yield Reason("empty", 0, 1)
        broken = cleaning.broken_share(text)
        if broken > _BROKEN:
            yield Reason("broken_encoding", broken, _BROKEN)
        page.text = text
        if code:
            page.language = CODE

    def _mask(self, page: Page, kind: str) -> Iterator[Reason]:
        # The numbers in source code are no telephone numbers.
        personal = [name for name in self.personal if name == "email" or kind != "code"]
        page.text, found = pii.mask(page.text, personal)
        self.counts.edits.update({f"{name} masked": n for name, n in found.items()})
        yield from ()

    def _language(self, page: Page, kind: str) -> Iterator[Reason]:
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

    def _apply_rules(self, page: Page, group: str, kind: str) -> Iterator[Reason]:
        if kind == "code":
            page.split()
        limits = kinds.limits_for(page, kind, self.settings.rules_of)
        for rule, value, limit, broken in kinds.measure(page, group, limits, kind):
            if broken:
                yield Reason(rule, float(value), float(limit))

    def _quality(self, page: Page, kind: str) -> Iterator[Reason]:
        page.quality = scores.quality_score(page)
        if page.quality < self.settings.quality:
            yield Reason("quality", page.quality, self.settings.quality)

    def _safety(self, page: Page, kind: str) -> Iterator[Reason]:
        share = scores.toxicity_score(page)
        if share > self.settings.toxicity:
            yield Reason("toxicity", share, self.settings.toxicity)

    def _overlap(self, page: Page, kind: str) -> Iterator[Reason]:
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
