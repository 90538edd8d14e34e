"""A full disk and an unwritable cache are named by the folder that is to blame."""

import errno
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from experiments.common import storage

Usage = namedtuple("Usage", "free")


@pytest.fixture
def full(monkeypatch, tmp_path):
    """Let the disk of one folder be full."""

    def fill(folder: Path) -> None:
        def usage(path):
            return Usage(0 if Path(path).is_relative_to(folder) else 2**40)

        monkeypatch.setattr(shutil, "disk_usage", usage)

    for name in ("cache", "data", "run"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "cache"))
    return fill


def no_space(*files: Path) -> OSError:
    error = OSError(errno.ENOSPC, "No space left on device", *[str(f) for f in files[:1]])
    if len(files) == 2:  # as shutil.copyfile raises it
        error.filename2 = str(files[1])
    return error


@pytest.mark.parametrize("names", [(), ("data/my.csv",), ("data/my.csv", "cache/tokens/x")])
def test_a_full_cache_is_named_and_not_the_file_that_was_read(names, full, tmp_path):
    full(tmp_path / "cache")
    message = storage.storage_error(no_space(*[tmp_path / n for n in names]), tmp_path / "run")
    assert str(tmp_path / "cache") in message and "my.csv" not in message
    assert message.endswith("(set PRETUNE_CACHE to a folder on another disk)")


def test_the_target_of_a_copy_is_named_where_no_disk_looks_full(full, tmp_path):
    full(tmp_path / "nowhere")
    error = no_space(tmp_path / "data" / "my.csv", tmp_path / "run" / "best.ckpt")
    message = storage.storage_error(error, tmp_path / "run")
    assert message == f"no space left to write {tmp_path / 'run' / 'best.ckpt'}"


def test_an_error_of_another_kind_that_a_full_disk_caused_is_one(full, tmp_path):
    full(tmp_path / "run")
    error = ValueError("my.csv cannot be read")
    error.__cause__ = no_space()
    error.__cause__.__context__ = error  # a loop
    message = storage.storage_error(error, tmp_path / "run")
    assert message == f"no space left to write {tmp_path / 'run'}"
    rust = RuntimeError("I/O error: No space left on device (os error 28)")
    assert storage.storage_error(rust, tmp_path / "run") == message
    assert storage.storage_error(ValueError("os error 2"), tmp_path / "run") == ""


def test_an_unwritable_cache_names_the_variable_that_moves_it(full, tmp_path):
    file = str(tmp_path / "cache" / "tokens")
    message = storage.storage_error(PermissionError(errno.EACCES, "Permission denied", file), None)
    assert message == (
        f"{tmp_path / 'cache'}: cannot be written (Permission denied): set PRETUNE_CACHE to a "
        f"folder that can"
    )
    elsewhere = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "run"))
    assert storage.storage_error(elsewhere, None) == ""
