"""Digests are of names and bytes alone, and what is large is read once."""

import hashlib
import shutil

import pytest

from datamodules import digests, shards
from tests import stories


def folder_digest(folder):
    return digests.combined(digests.of_files(folder, digests.contents(folder)))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "made"
    (made / "below").mkdir(parents=True)
    (made / "a.txt").write_text("one")
    (made / "below" / "b.txt").write_text("two")
    (made / ".lock").write_text("hidden")
    return made


def test_of_names_and_bytes(folder, tmp_path):
    first = folder_digest(folder)
    lines = [
        f"{name} {hashlib.sha256(text.encode()).hexdigest()}\n"
        for name, text in (("a.txt", "one"), ("below/b.txt", "two"))
    ]
    assert first == hashlib.sha256("".join(lines).encode()).hexdigest()
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    assert folder_digest(moved) == first
    (moved / "a.txt").rename(moved / "c.txt")
    assert folder_digest(moved) != first
    (moved / "c.txt").rename(moved / "a.txt")
    assert folder_digest(moved) == first
    (moved / "below" / "b.txt").write_text("owt")
    assert folder_digest(moved) != first
    assert digests.contents(folder, without=["a.txt"]) == ["below/b.txt"]


def test_as_wandb_has_them(folder):
    import wandb

    artifact = wandb.Artifact("a", "model")
    artifact.add_reference(f"file://{folder / 'a.txt'}", name="a.txt", checksum=True)
    (digest,) = digests.of_files(folder, ["a.txt"]).values()
    entry = artifact.manifest.entries["a.txt"]
    assert (entry.digest, entry.size) == (digest.md5, digest.size)


def test_large_files_are_read_once_per_change(folder, monkeypatch):
    monkeypatch.setattr(digests, "LARGE", 3)
    read, hashed = [], digests._hashed
    monkeypatch.setattr(digests, "_hashed", lambda file: read.append(file.name) or hashed(file))
    first = folder_digest(folder)
    assert folder_digest(folder) == first and read == ["a.txt", "b.txt"]
    (folder / "a.txt").write_text("ones")
    assert folder_digest(folder) != first and read == ["a.txt", "b.txt", "a.txt"]
    monkeypatch.setattr(digests, "LARGE", 2**24)
    (folder / "a.txt").write_text("eno")
    digests.of_files(folder, ["a.txt"])
    digests.of_files(folder, ["a.txt"])
    assert read[3:] == ["a.txt", "a.txt"]  # what is small is not remembered


def test_a_corpus_has_the_fingerprint_of_its_shards(tmp_path):
    path = tmp_path / "stories"
    stories.write(path)
    before = shards.fingerprint(path)
    assert shards.read_manifest(path)["fingerprint"] == before
    shard = path / "train" / "00000.ds"
    shard.write_bytes(b"\1\0" + shard.read_bytes()[2:])
    assert shards.fingerprint(path) != before
