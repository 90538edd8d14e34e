"""Files of what a model writes: whole, or as they were before."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from callbacks import GenerationSamples, WrittenTexts

ROW = ["a tale", "warm", "cold"]


def written(folder):
    trainer = SimpleNamespace(loggers=[], default_root_dir=folder)
    WrittenTexts()._record(trainer, [ROW])
    return folder / "outputs.jsonl"


def answered(folder):
    data = SimpleNamespace(references=lambda count: [])
    trainer = SimpleNamespace(
        loggers=[], default_root_dir=folder, datamodule=data, is_global_zero=True
    )
    samples = GenerationSamples(prompts=["a tale"])
    samples.before = {"answers": ["warm"], "loss": 1.0}
    samples.conclude(trainer, SimpleNamespace(log=lambda *_, **__: None), {"answers": ["cold"]})
    return folder / "answers.json"


@pytest.mark.parametrize("write", [written, answered])
def test_a_full_disk_leaves_the_file_of_before(write, tmp_path, monkeypatch):
    file = write(tmp_path)
    before, whole = file.read_text(), Path.write_text

    def half(path, text, **settings):
        whole(path, text[:9], **settings)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="No space") as error:
        write(tmp_path)
    assert error.value.filename == str(file)
    assert file.read_text() == before
    assert list(tmp_path.iterdir()) == [file]
