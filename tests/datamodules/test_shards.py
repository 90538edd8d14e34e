"""Shards that are damaged or of another corpus are named, and a stopped writer leaves nothing."""

import pytest

from datamodules import Corpus
from datamodules.shards import ShardWriter
from tests.datamodules.numbered_corpus import make


def test_damaged_shards_are_named(tmp_path):
    make(tmp_path)
    file = tmp_path / "train" / "00000.ds"
    whole = file.read_bytes()
    for damage, message in (
        (lambda: file.write_bytes(whole[:-2]), "00000.ds is cut in the middle of a token"),
        (lambda: file.write_bytes(whole[:-4]), "00000.ds.index does not end where"),
        (lambda: (tmp_path / "train" / "00000.ds.index").unlink(), "00000.ds.index is missing"),
    ):
        damage()
        with pytest.raises(ValueError, match=message):
            Corpus(str(tmp_path)).setup("fit")


def test_shards_of_another_corpus_are_noticed(tmp_path):
    make(tmp_path)
    for file in (tmp_path / "train").glob("00002*"):
        file.unlink()
    with pytest.raises(ValueError, match=r"train has 40 documents, not 80 as its manifest says"):
        Corpus(str(tmp_path)).setup("fit")


def test_a_writer_that_is_stopped_leaves_nothing(tmp_path):
    def stop(writer: ShardWriter) -> None:
        with writer:
            writer.add([1, 2], [2])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop(ShardWriter(tmp_path / "00000.ds", 100))
    assert list(tmp_path.iterdir()) == []
