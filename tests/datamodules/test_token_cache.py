"""The size of the token cache: what goes first, what stays, and what is said."""

import os
import subprocess
import sys

import pytest
import torch

from datamodules import token_cache
from datamodules.token_cache import cached_tensors, list_files


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(token_cache, "_held", {})


def make(key: str, age: float = 0.0) -> str:
    """Cache 4 kB under a key, used so many days ago and no longer in use; returns its name."""
    before = {file.path for file in list_files()}
    cached_tensors(key, lambda: {"ids": torch.zeros(1000)})
    (path,) = {file.path for file in list_files()} - before
    os.utime(path, (1e9, path.stat().st_mtime - 86_400 * age))
    for handle in token_cache._held.values():
        handle.close()
    token_cache._held.clear()
    return path.name


def names() -> list[str]:
    return [file.path.name for file in list_files()]


def test_what_was_used_longest_ago_goes_first(monkeypatch, capsys):
    old, middle, late = make("a", 9), make("b", 5), make("c", 1)
    assert names() == [old, middle, late]
    cached_tensors("a", lambda: pytest.fail("it is there"))  # which uses it now
    token_cache._held.clear()
    monkeypatch.setenv("PRETUNE_CACHE_LIMIT", "13kB")
    new = make("d")
    assert names() == [late, old, new]
    said = capsys.readouterr().err
    assert "removed 1 token files" in said and "5.0 days ago" in said
    assert "PRETUNE_CACHE_LIMIT" in said


def test_what_is_in_use_stays(monkeypatch, capsys):
    monkeypatch.setenv("PRETUNE_CACHE_LIMIT", "1kB")
    kept = cached_tensors("a", lambda: {"ids": torch.ones(1000)})
    cached_tensors("b", lambda: {"ids": torch.ones(1000)})
    assert len(names()) == 2 and "removed" not in capsys.readouterr().err
    assert kept["ids"].sum() == 1000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses to remove an open file")
def test_another_process_s_file_stays(monkeypatch):
    name = make("a", 3)
    code = (
        "import fcntl, sys; f = open(sys.argv[1], 'rb'); fcntl.flock(f, fcntl.LOCK_SH); "
        "print('held', flush=True); sys.stdin.read()"
    )
    path = token_cache.token_folder() / name
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(path)], **pipes) as other:
        assert other.stdout.readline() == b"held\n"
        assert not token_cache.remove(list_files()[0]) and names() == [name]
        other.stdin.close()
    assert token_cache.remove(list_files()[0]) and names() == []


def test_a_file_that_another_process_removes_is_made_again(monkeypatch):
    found, load = [], token_cache.load_file

    def gone_once(file):
        found.append(file)
        if len(found) == 1:
            file.unlink()
        return load(file)

    monkeypatch.setattr(token_cache, "load_file", gone_once)
    assert cached_tensors("a", lambda: {"ids": torch.ones(3)})["ids"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 20 * 10**9), ("none", None), ("500MB", 5 * 10**8), ("1.5 g", 15 * 10**8), ("7", 7)],
)
def test_sizes(monkeypatch, text, size):
    monkeypatch.setenv("PRETUNE_CACHE_LIMIT", text)
    assert token_cache.cache_limit() == size


def test_a_bad_size_is_named(monkeypatch):
    monkeypatch.setenv("PRETUNE_CACHE_LIMIT", "much")
    with pytest.raises(ValueError, match="PRETUNE_CACHE_LIMIT much: give a size such as 500MB"):
        make("a")
