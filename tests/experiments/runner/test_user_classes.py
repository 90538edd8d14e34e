"""Classes in files of the user's own: by package and by file, for every flag that takes a class."""

import sys

import pytest

from modules import user_classes
from tests.experiments.runner.small_experiment import HERE

FILE = f"""
from lightning.pytorch import Callback
from {HERE} import Full, SST2, Task


class Mine(Full):
    '''Of a file.

    Args:
        gain: A number.
    '''

    def __init__(self, gain: int = 2, **kwargs) -> None:
        super().__init__(**kwargs)


class MyData(SST2):
    '''Of a file.'''


class MyTask(Task):
    '''Of a file.'''


class Count(Callback):
    '''Counts.

    Args:
        factor: A factor.
    '''

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a file and a package; what is imported is forgotten at the end."""
    for place in ("things.py", "lot/more.py", "deep er/inner.py"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(FILE)
    before = dict(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in sys.modules.keys() - before.keys():
        for value in vars(sys.modules.pop(name)).values():
            if getattr(value, "__module__", "") == name:
                value.__name__ = "_gone"  # a class is listed as long as it lives
    user_classes._from_files.clear()


@pytest.mark.parametrize("lead", ["things.", "./things.py:", "lot.more.", "lot/more.py:"])
def test_every_flag_that_takes_a_class(run, folder, lead):
    flags = f"--model {lead}Mine --model.gain 3 --data {lead}MyData --model.task {lead}MyTask"
    config = run(f"{flags} --trainer.callbacks+={lead}Count --trainer.callbacks.factor 4")
    assert config.model.class_path.endswith(".Mine") and config.model.init_args.gain == 3
    assert config.model.init_args.warmup == 0.2  # the experiment's default of what it inherits
    assert config.data.class_path.endswith(".MyData")
    assert config.model.init_args.task.class_path.endswith(".MyTask")
    (callback,) = config.trainer.callbacks
    assert callback.class_path.endswith(".Count") and callback.init_args.factor == 4.0


@pytest.mark.parametrize(
    "words",
    [
        ["--model", "{file}:Mine"],
        ["--model={file}:Mine"],
        ["--model.class_path", "{file}:Mine"],
        ["--model", '{{"class_path": "{file}:Mine"}}'],
        ["--config", "model: {{class_path: '{file}:Mine'}}\n"],
    ],
)
@pytest.mark.parametrize("file", ["./things.py", "deep er/inner.py", "{folder}/things.py"])
def test_spellings_of_a_file(run, folder, words, file):
    file = file.format(folder=folder)
    config = run([word.format(file=file) for word in words])
    assert config.model.class_path.endswith(".Mine") and config.model.init_args.gain == 2


def test_what_is_printed_names_the_file_and_reads_back(run, shown, folder):
    line = "--model ./things.py:Mine --trainer.callbacks+=lot/more.py:Count"
    text = shown(f"{line} --print_config")
    assert "class_path: ./things.py:Mine\n" in text and "class_path: lot/more.py:Count\n" in text
    (folder / "c.yaml").write_text(text)
    assert run("--config c.yaml").model == run(line).model


def test_help_of_a_file(shown, folder):
    assert "--model.gain 2" in shown("--model ./things.py:Mine --help")
    assert "A number. (a whole number)" in shown("--help.model ./things.py:Mine")
    assert "--trainer.callbacks.factor 1.0" in shown("--help.trainer.callbacks ./things.py:Count")


@pytest.mark.parametrize(
    ("flag", "name", "message"),
    [
        ("--model", "./nix.py:Mine", "there is no file nix.py in {folder}"),
        ("--model", "./things.py:Nine", "there is no class Nine; did you mean Mine? it has Mine"),
        ("--model", "./things.py", "name its class, too: ./things.py:Mine"),
        ("--model", "things:Mine", "not the name of a class, which is package.MyClass or ./file"),
        ("--model", "nix.Mine", "there is no module nix in {folder}"),
        ("--model", "nix.LoRA", "there is no module nix in {folder}; did you mean LoRA?"),
        ("--model", "lot.nix.Mine", "there is no module lot.nix in {folder}"),
        ("--data", "./things.py:Mine", "a Full, and not a "),
        ("--model.task", "./things.py:MyData", "a SST2, and not a Task"),
        ("--trainer.callbacks", "./things.py:Mine", "a Full, and not a Callback"),
        ("--trainer.logger", "things.Count", "a Callback, and not a Logger"),
        ("--model", "./bad.py:A", "its import fails at bad.py, line 2: SyntaxError: "),
        ("--model", "./lacks.py:A", "its import fails at lacks.py, line 1: ModuleNotFoundError: "),
        ("--model", "lacks.A", "its import fails at lacks.py, line 1: ModuleNotFoundError: "),
        ("--model", "./stops.py:A", "its import fails at stops.py, line 1: SystemExit: 3"),
    ],
)
def test_what_is_wrong_with_a_class(said, folder, flag, name, message):
    (folder / "bad.py").write_text("\ndef f(:\n")
    (folder / "lacks.py").write_text("import no_such_library\n")
    (folder / "stops.py").write_text("raise SystemExit(3)\n")
    assert said([flag, name]).startswith(f"{flag} {name}: {message.format(folder=folder)}")


@pytest.mark.parametrize(
    ("words", "message", "listed"),
    [
        ("--model Fulll", "unknown class; did you mean Full? choose from Full, LoRA,", "./file.py"),
        ("--model Nix", "unknown class; choose from Full, LoRA, or give package.MyClass or", ""),
        ("--model.task Nix", "unknown class; choose from ", "Regression"),
        ("--trainer.callbacks+=StepSed", "unknown class; did you mean StepSeed?", "GenerationSamp"),
        ("--trainer.callbacks Nix", "unknown class; choose from ", "EarlyStopping"),
        ("--trainer.logger Nix", "unknown class; choose from ", "CSVLogger"),
    ],
)
def test_an_unknown_class_is_answered_with_a_list(said, words, message, listed):
    line = said(words)
    assert message in line and listed in line and "package.MyClass or ./file.py:MyClass" in line
    assert "ModelPruning" not in line  # a run refuses it
