"""How fast are the corpus pipeline's filter rules, compared with datatrove's own filters?

    python -m experiments.benchmarks.filter_rules

Both filter the same film reviews in one process by the rules of Gopher, C4 and FineWeb, ours with
datatrove's units (--rules_of datatrove); the table shows how often they agree. For the whole
pipeline see experiments.benchmarks.scaling.
"""

import argparse
import time
from collections.abc import Callable

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

from datamodules.classification import bundled_reviews
from datamodules.pipeline.cleaning import clean
from datamodules.pipeline.pages import Page
from datamodules.pipeline.rules import GROUPS, limits_of
from experiments.benchmarks.harness import Column, Measured, run_contest


def texts_of(asked: argparse.Namespace) -> list[str]:
    return [
        clean(text) for text in bundled_reviews("imdb").splits["train"].texts[: asked.documents]
    ]


def keeps(text: str) -> bool:
    page, limits = Page.of(text, "en"), limits_of("en", "datatrove")
    return not any(broken for group in GROUPS.values() for *_, broken in group(page, limits))


def timed(texts: list[str], keeps: Callable[[str], bool]) -> tuple[list[bool], float]:
    """The decisions, and the documents per second."""
    keeps(texts[0])  # what is loaded at the first call
    began = time.perf_counter()
    kept = [bool(keeps(text)) for text in texts]
    return kept, len(texts) / (time.perf_counter() - began)


def ours(asked: argparse.Namespace) -> Measured:
    return {"rate": timed(texts_of(asked), keeps)[1]}


def theirs(asked: argparse.Namespace) -> Measured:
    filters = [GopherRepetitionFilter(), GopherQualityFilter()]
    filters += [C4QualityFilter(filter_no_terminal_punct=True), FineWebQualityFilter()]

    def passes(text: str) -> bool:
        document = Document(text, "0")
        results = (step.filter(document) for step in filters)
        return all(result[0] if isinstance(result, tuple) else result for result in results)

    texts = texts_of(asked)
    kept, rate = timed(texts, passes)
    same = sum(one == keeps(text) for one, text in zip(kept, texts, strict=True))
    return {"rate": rate, "same": same / len(texts)}


def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--documents", type=int, default=2000, help="Number of documents (2000)")


if __name__ == "__main__":
    columns = [Column("rate", "documents/s", "{:.0f}", "more")]
    columns.append(Column("same", "same decision as Pretune", "{:.2%}"))
    contestants = {"Pretune": ours, "datatrove": theirs}
    run_contest("filter_rules", "Corpus: filter rules", __doc__, contestants, columns, flags)
