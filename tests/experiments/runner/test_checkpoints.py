"""A checkpoint is whole or absent, whatever happens while it is written."""

from pathlib import Path

import pytest
import torch

from experiments.runner.checkpoints import AtomicCheckpointIO, one_line_if_unreadable


def test_a_write_that_fails_leaves_the_checkpoint_of_before(tmp_path, monkeypatch):
    file = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpointIO(tmp_path).save_checkpoint({"step": 3}, file)
    whole = Path.write_bytes

    def half(path, content):
        whole(path, bytes(content)[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space") as error:
        AtomicCheckpointIO(tmp_path).save_checkpoint({"step": 4}, file)
    assert error.value.filename == str(file)
    assert torch.load(file, weights_only=True) == {"step": 3}
    assert [path.name for path in file.parent.iterdir()] == ["last.ckpt"]


def test_a_broken_file_is_named_in_one_line(tmp_path):
    file = tmp_path / "best.ckpt"
    file.write_bytes(b"not a checkpoint")
    refused = pytest.raises(ValueError, match=r"best\.ckpt cannot be read .*delete it")
    with refused as error, one_line_if_unreadable(file):
        torch.load(file, weights_only=True)
    assert "\n" not in str(error.value)
