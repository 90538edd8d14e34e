"""What every labelled data module does, on files of our own."""

import shutil

import lightning
import pytest
import torch

from datamodules import SST2, RottenTomatoes, TextFiles, hub
from datamodules import text_splits as tables
from datamodules.labelled_text import LabelledText
from tests import tiny


def test_splits_rows_and_facts(bert, reviews):
    data = tiny.read(reviews, bert, max_length=6)
    facts = data.facts()
    assert facts["rows"] == {"train": 24, "validation": 8, "test": 8}
    assert facts["source"] == "files" and facts["origin"] == str(reviews)
    assert facts["labels"] == ["negative", "positive"] and facts["test_split"] == "test"
    tokenizer = __import__("transformers").AutoTokenizer.from_pretrained(bert)
    lengths = [len(ids) for ids in tokenizer(data.dataset.splits["train"].texts)["input_ids"]]
    assert facts["cut_to_max_length"]["train"] == sum(length > 6 for length in lengths) > 0
    assert facts["tokens"]["train"] == sum(min(length, 6) for length in lengths)
    cut = facts["cut_to_max_length"]["train"]
    assert f"{cut} of 24 train rows were cut at 6 tokens" in data.notes()


def test_loaders_serve_every_row_of_their_split(bert, reviews):
    data = tiny.read(reviews, bert, batch_tokens=64)
    loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    for loader, split in zip(loaders, ("train", "validation", "test"), strict=True):
        rows, labels = [], {}
        for batch in loader:
            assert batch["input_ids"].numel() <= 64 or len(batch["index"]) == 1
            rows += batch["index"].tolist()
            labels |= dict(zip(batch["index"].tolist(), batch["labels"].tolist(), strict=True))
        held = data.dataset.splits[split]
        assert sorted(rows) == list(range(len(held.texts)))
        assert [labels[row] for row in sorted(rows)] == held.labels


def test_the_fingerprint_is_of_the_content(bert, reviews, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(reviews, copy)
    one, same = (tiny.read(folder, bert).facts() for folder in (reviews, copy))
    assert one["fingerprint"] == same["fingerprint"] and one["origin"] != same["origin"]
    text = (copy / "train.jsonl").read_text()
    (copy / "train.jsonl").write_text(text.replace("warm", "worm", 1))
    assert tiny.read(copy, bert).facts()["fingerprint"] != one["fingerprint"]


def test_every_change_of_a_split_changes_its_fingerprint():
    splits = [
        tables.TextSplit(["ab", "c"], None, [0, 1]),
        tables.TextSplit(["a", "bc"], None, [0, 1]),
        tables.TextSplit(["ab", "c"], None, [1, 0]),
        tables.TextSplit(["ab", "c"], ["x", "y"], [0, 1]),
        tables.TextSplit(["ab", "c"], ["xy", ""], [0, 1]),
        tables.TextSplit(["c", "ab"], None, [0, 1]),
        tables.TextSplit(["ab", "c", "0", "1"], None, None),
    ]
    assert len({split.fingerprint for split in splits}) == len(splits)


def test_the_seed_orders_the_rows(bert, reviews):
    def order(**settings) -> list:
        loader = tiny.read(reviews, bert, batch_size=4, **settings).train_dataloader()
        return [batch["index"].tolist() for batch in loader]

    lightning.seed_everything(1, verbose=False)
    first = order(seed=1)
    torch.rand(1)
    assert order(seed=1) == first != order(seed=2)


def test_the_place_in_the_epoch_is_in_the_modules_state(bert, reviews):
    data = tiny.read(reviews, bert, batch_size=4)
    assert set(data.state_dict()) == {"fingerprint"}
    loader = data.train_dataloader()
    whole = [batch["index"].tolist() for batch in loader]
    for count, _ in enumerate(loader, 1):
        if count == 2:
            break
    state = data.state_dict()
    assert state["train"] == {"epoch": 0, "position": 2}
    again = tiny.read(reviews, bert, batch_size=4)
    again.load_state_dict(state)
    assert [b["index"].tolist() for b in again.train_dataloader()] == whole[2:]
    assert [b["index"].tolist() for b in again.train_dataloader()] == whole  # once only


# Sources ---------------------------------------------------------------------------------------


class Toy(LabelledText):
    hub_repo, names = "toys/reviews", ("no", "yes")

    def bundled(self):
        split = tables.TextSplit(["a film", "dull"], None, [0, 1])
        splits = {"train": split, "validation": split, "test": split}
        return tables.Dataset(splits, ("no", "yes"), ["as it comes"]), "toy 1.0"


def test_auto_without_a_hub_takes_the_bundled_data_and_says_so(bert, monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda: False)
    monkeypatch.setattr(hub, "load_cached", lambda *args: None)
    data = Toy(tokenizer=bert)
    data.prepare_data()
    data.setup("fit")
    assert (data.source_kind, data.origin) == ("bundled", "toy 1.0")
    note, other = data.notes()
    assert "the hub does not answer" in note and "toys/reviews" in note and "toy 1.0" in note
    assert "--data.source hub" in note and "\n" not in note and other == "as it comes"
    bundled = Toy(tokenizer=bert, source="bundled")
    assert bundled.dataset.notes == ["as it comes"] and bundled.source_kind == "bundled"


def test_auto_without_a_hub_takes_its_cache_first(bert, monkeypatch):
    kept, read = object(), tables.Dataset({}, ("no", "yes"), [])
    monkeypatch.setattr(hub, "reachable", lambda: False)
    monkeypatch.setattr(hub, "load_cached", lambda *args: kept)
    monkeypatch.setattr(hub, "source", lambda repo, config, found: f"hub:{repo}@1")
    monkeypatch.setattr(hub, "to_dataset", lambda found, *columns, **options: read)
    data = Toy(tokenizer=bert)
    assert data.dataset is read and (data.source_kind, data.origin) == ("hub", "hub:toys/reviews@1")


def test_hub_means_the_hub(bert, monkeypatch):
    def refuse(*args):
        raise ValueError("--data.source hub: nothing there")

    monkeypatch.setattr(hub, "load", refuse)
    with pytest.raises(ValueError, match="nothing there"):
        Toy(source="hub").dataset  # noqa: B018
    with pytest.raises(ValueError, match=r"--data.source hub: .* no hub data set"):
        LabelledText(source="hub").dataset  # noqa: B018
    for source in ("bundled", "auto"):
        with pytest.raises(ValueError, match="no data for LabelledText is bundled"):
            LabelledText(source=source).dataset  # noqa: B018


def test_known_classes_keep_their_names_where_a_file_has_integers(bert, tmp_path):
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text("sentence\tlabel\na film\t0\nwarm\t1\n")
    for module in (SST2, RottenTomatoes):
        assert module(source=str(tmp_path)).label_names == ["negative", "positive"]
    assert TextFiles(source=str(tmp_path)).label_names == ["0", "1"]


def test_without_a_test_file_the_test_is_on_validation(bert, reviews, tmp_path):
    folder = tmp_path / "two"
    shutil.copytree(reviews, folder)
    (folder / "test.jsonl").unlink()
    data = tiny.read(folder, bert)
    assert data.dataset.test_split == "validation" and data.facts()["test_split"] == "validation"
    assert sum(len(batch["index"]) for batch in data.test_dataloader()) == 8


def test_a_checkpoint_of_other_data_is_refused(bert, reviews, tmp_path):
    state = tiny.read(reviews, bert).state_dict()
    other = shutil.copytree(reviews, tmp_path / "other")
    train = other / "train.jsonl"
    train.write_text(train.read_text().replace("positive", "negative", 1))
    tiny.read(reviews, bert).load_state_dict(state)
    with pytest.raises(ValueError, match=r"--data\.source .* is not what the run was trained on"):
        tiny.read(other, bert).load_state_dict(state)


def test_auto_takes_the_bundled_data_where_a_gateway_answers_in_the_hubs_place(monkeypatch):
    def refuses(*args):
        raise ValueError("--data.source hub: nyu-mll/glue: 407 Proxy Authentication Required")

    monkeypatch.setattr(hub, "reachable", lambda: True)
    monkeypatch.setattr(hub, "load", refuses)
    monkeypatch.setattr(hub, "load_cached", lambda *args: None)
    rows = tables.TextSplit(["good", "bad"], None, [1, 0])
    splits = tables.Dataset({"train": rows, "validation": rows}, ("no", "yes"), [])
    monkeypatch.setattr(SST2, "bundled", lambda self: (splits, "toys"))
    data = SST2(source="auto")
    assert "407 Proxy" in data.dataset.notes[0] and data.source_kind == "bundled"
    with pytest.raises(ValueError, match="407"):
        SST2(source="hub").dataset  # noqa: B018


def test_rows_of_each_class_are_drawn_by_the_seed(bert, reviews):
    drawn = {
        (count, seed): tiny.read(reviews, bert, rows_per_class=count, seed=seed).dataset.splits[
            "train"
        ]
        for count, seed in ((3, 0), (6, 0), (3, 1))
    }
    for (count, _), rows in drawn.items():
        assert sorted(rows.labels) == [0] * count + [1] * count
    assert set(drawn[3, 0].texts) < set(drawn[6, 0].texts)
    assert set(drawn[3, 0].texts) != set(drawn[3, 1].texts)
    with pytest.raises(ValueError, match=r"^--data.rows_per_class 99: 'negative' has \d+ training"):
        tiny.read(reviews, bert, rows_per_class=99)
    for other in ({"train_rows": 4}, {"train_share": 0.5}):
        with pytest.raises(ValueError, match=r"^--data.rows_per_class 2: not with --data.train_"):
            tiny.read(reviews, bert, rows_per_class=2, **other)
    with pytest.raises(ValueError, match=r"^--data.rows_per_class 2: the labels are no classes"):
        tiny.read(reviews, bert, rows_per_class=2, labels="none")
