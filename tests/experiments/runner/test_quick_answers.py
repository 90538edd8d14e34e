"""Answers without the libraries are the parser's own, word by word, and none outlives a change."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from datamodules.classification import SST2
from experiments.runner import flag_index, quick_answers
from experiments.runner.command_line import CommandLine
from modules.finetuning.lora import LoRA

ROOT = Path(__file__).parents[3]
NAME = "lora_sst2"
HELP = ["--help", "-h", "--help.model BitFit", "--model Adapter --help.model.task"]
HELP += ["--help.trainer.callbacks StepSeed"]
MISTAKES = [
    "--model.rnk 3",
    "--lr 3",
    "--zzz",
    "--model.init_args.rnk=3",
    "--model.rank 3 --epoch 1",
]
MISTAKES += ["--model Adapter --model.rank 3", "--model.task.num_clases 2", "--trainer.max_ep 1"]
MISTAKES += ["--data.sorce ./my.csv --seed 1", "--model Adapter --zzz --trainer.max_epochs x"]
FEW = ["--help", "--lr 3", "--model Adapter --model.rank 3", "--trainer.max_ep 1"]
LEFT = ["", "--model.rank 3", "--config x.yaml --lr 3", "--model ./own.py:Mine --zzz", "words"]
LEFT += ["--resume last --zzz", "--model own.Mine --zzz", "--model.rank many --print_config", "-x"]
LEFT += ["--model Lora --zzz", "--model.rank --zzz", "--data.labels class --zzz", "--zzz a.py:B"]
LEFT += [
    "--trainer.callbacks+=StepSed --zzz",
    "--model BitFit --zzz",
    "--zzz 'a\nb'",
    "--help --zzz",
]


def parse(line: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{NAME}.py", *line.split(" ")] if line else [NAME])
        CommandLine(NAME, "A question?\n\nMore.", LoRA, SST2, {"model.rank": 5})


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A process that runs the experiment, whose modules are all covered, with a cache."""
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(flag_index, "program", lambda: NAME)
    monkeypatch.setattr(flag_index, "_is_covered", lambda module: True)


@pytest.fixture
def answer(monkeypatch, capsys):
    """Answer a command line from the index; gives code, output and errors, or None."""

    def call(line: str) -> tuple | None:
        monkeypatch.setattr(sys, "argv", [f"{NAME}.py", *line.split(" ")] if line else [NAME])
        try:
            quick_answers.answer(NAME, flag_index.read(NAME))
        except SystemExit as end:
            return end.code or 0, *capsys.readouterr()
        return None

    return call


@pytest.mark.parametrize("lines", [FEW, pytest.param(HELP + MISTAKES, marks=pytest.mark.slow)])
def test_the_parser_says_the_same(lines, kept, answer, monkeypatch, capsys):
    parse("")
    for line in lines:
        monkeypatch.setenv("COLUMNS", "120" if len(line) % 2 else "80")
        with pytest.raises(SystemExit) as end:
            parse(line)
        said = (end.value.code or 0, *capsys.readouterr())
        assert said[0] == (0 if line in HELP else 2), said
        assert answer(line) == said, line
    for line in LEFT:
        assert answer(line) is None, line
    monkeypatch.setenv("COLUMNS", "70")
    assert answer("--help") is None


def test_names_that_are_kept_are_not_made_again(kept, monkeypatch):
    """They are the flags of every class, half of the time of a parse."""
    parse("")
    asked, flags_of = [], quick_answers.flags_of
    monkeypatch.setattr(quick_answers, "flags_of", lambda *of: asked.append(of) or flags_of(*of))
    parse("--model.rank 3")
    assert not asked
    parse("--model BitFit")
    assert asked


def test_a_requeued_job_is_left_to_the_parser(kept, answer, monkeypatch):
    parse("")
    monkeypatch.setattr(quick_answers.slurm, "requeued", lambda: True)
    assert answer("--zzz") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: text + " ",
        lambda text: text.replace("--model.rank", "--model.rink"),
        lambda text: "",
        lambda text: "{}",
        lambda text: "\udcff",
    ],
)
def test_a_damaged_index_is_none(damage, kept, tmp_path):
    flag_index.keep(NAME, "names", "", {"known": ["--model.rank"]})
    assert flag_index.read(NAME)["names"]
    (file,) = (tmp_path / "cache" / "flags").iterdir()
    file.write_bytes(damage(file.read_text()).encode("utf-8", "surrogateescape"))
    assert flag_index.read(NAME) is None
    flag_index.keep(NAME, "pages", "80", "text")
    assert flag_index.read(NAME) == {"names": {}, "pages": {"80": "text"}}


def test_an_index_ends_with_any_change(kept, tmp_path, monkeypatch):
    sources, installed = tmp_path / "sources", tmp_path / "installed"
    (sources / "modules").mkdir(parents=True)
    installed.mkdir()
    monkeypatch.setattr(flag_index, "ROOT", sources)
    monkeypatch.syspath_prepend(str(installed))
    changes = [
        lambda: (sources / "modules" / "new.py").write_text("A = 1"),
        lambda: (sources / "modules" / "new.py").write_text("A = 2"),
        lambda: (sources / "modules" / "new.py").unlink(),
        lambda: (installed / "torch-2.0.dist-info").mkdir(),
        lambda: os.utime(installed / "torch-2.0.dist-info", (1, 1)),
        lambda: monkeypatch.setenv("WANDB_PROJECT", "another"),
    ]
    for change in changes:
        flag_index.fingerprint.cache_clear()
        flag_index.keep(NAME, "pages", "80", "text")
        flag_index.fingerprint.cache_clear()
        assert flag_index.read(NAME)
        change()
        flag_index.fingerprint.cache_clear()
        assert flag_index.read(NAME) is None
    flag_index.fingerprint.cache_clear()


def test_a_cache_that_cannot_be_written_is_done_without(kept, tmp_path):
    (tmp_path / "cache").write_text("a file")
    flag_index.keep(NAME, "pages", "80", "text")
    assert flag_index.read(NAME) is None


def test_nothing_is_kept_beside_modules_of_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path))
    flag_index.keep(NAME, "pages", "80", "text")  # these tests are in no package of ours
    assert flag_index.read(NAME) is None and not [*tmp_path.iterdir()]
    assert all(map(flag_index._is_covered, (os, pytest, flag_index, sys)))


def test_the_answer_needs_no_library():
    code = "import sys, experiments.runner.quick_answers as q; print(q.__name__, "
    code += "{'torch', 'lightning', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.endswith(" set()\n"), done.stderr


def test_an_experiment_imports_the_answers_first():
    scripts = [path.read_text() for path in (ROOT / "experiments").glob("*.py")]
    first = [re.search(r"^(?:from|import) .*", text, re.M)[0] for text in scripts]
    ours = [line for text, line in zip(scripts, first, strict=True) if "runner.cli" in text]
    assert len(ours) > 20 and {*ours} == {"from experiments.runner.cli import main"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lora_sst2", "--help"),
        ("pretrain", "--help.data"),
        ("translation", "--model.rnak 3"),
        ("squad", "--lr 1"),
        ("dpo", "--zz"),
    ],
)
def test_a_second_call_says_the_same(name, words, tmp_path):
    command = [sys.executable, "-X", "importtime", f"experiments/{name}.py", *words.split()]
    variables = {**os.environ, "PRETUNE_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    calls = [
        subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=variables)
        for _ in range(2)
    ]
    lines = [[*map(str.strip, one.stderr.splitlines())] for one in calls]
    said = [[line for line in one if not line.startswith("import time:")] for one in lines]
    assert calls[0].stdout == calls[1].stdout and said[0] == said[1]
    assert calls[0].returncode == calls[1].returncode == (2 if said[0] else 0)
    loaded = [any(line.split()[-1:] == ["torch"] for line in one) for one in lines]
    assert loaded == [True, False]
