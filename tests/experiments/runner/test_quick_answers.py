"""Answers without the libraries are the parser's own, word by word, and none outlives a change."""

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from datamodules.classification import SST2
from experiments.runner import catalogue_entries, flag_index, quick_answers
from experiments.runner.catalogue import Catalogue, Unanswerable, joined
from experiments.runner.command_line import CommandLine
from modules.finetuning.lora import LoRA

ROOT = Path(__file__).parents[3]
NAME = "lora_sst2"
HELP = ["-h", "--help.model BitFit", "--model Adapter --help.model.task", "--help.data TextFiles"]
HELP += ["--help.trainer", "--help.trainer.callbacks", "--help.trainer.callbacks StepSeed"]
HELP += ["--model.backbone smollm2 --help.model", "--tuned false --model LinearProbe --help"]
HELP += ["--model.task=Embedding --help.model.task", "--model modules.BitFit --help"]
MISTAKES = ["--lr 3", "--zzz", "--model.init_args.rnk=3", "--model.rank 3 --epoch 1", "words", "-x"]
MISTAKES += ["--model.task.num_clases 2", "--trainer.max_ep 1", "--data.sorce ./my.csv --seed 1"]
MISTAKES += ["--model Adapter --zzz --trainer.max_epochs x", "--help.nope", "--help.model BitFt"]
MISTAKES += ["--model LoRAA", "--model Qqq", "--data SST", "--model.task Clasification"]
MISTAKES += ["--trainer.callbacks+=StepSed", "--trainer.callbacks StepSed", "--model.rank two"]
MISTAKES += ["--trainer.max_epochs two", "--model.rank -1", "--model.rank 4.0", "--model.rank 1 2"]
MISTAKES += ["--trainer.precision fp16", "--model.schedule linea", "--export merge", "--tuned"]
MISTAKES += ["--data.tokenizer minilm", "--model.rank two --zzz", "--zzz 'a\nb'", "--tuned maybe"]
MISTAKES += [
    "--trainer.limit_val_batches 2.5 --model.rank two",
    "--trainer.max_time 5 --model.rank two",
    "--trainer.devices [0,1] --model.rank two",
    "--help.trainer.callbacks Nope",
]
MISTAKES += ["--zzz 日本語", f"--zzz {'long ' * 90}", "--model.rank --zzz"]
FEW = ["--help", "--model Adapter --model.rank 3", "--model Lora", "--trainer.max_epochs two"]
LEFT = [
    "--config x.yaml --lr 3",
    "--model ./own.py:Mine --zzz",
    "--resume last --zzz",
    "--zzz a.py:B",
]
LEFT += [
    "--model own.Mine --zzz",
    "--model.rank many --print_config",
    "--model ../here --help.model",
]
BEGUN = [
    "--model.rank 3",
    "--trainer.callbacks+=StepSeed --trainer.max_epochs two",
    "--trainer.callbacks+=StepSeed",
]
BEGUN += ["--trainer.callbacks+=StepSeed --trainer.callbacks.sed 3", "--trainer.devices [0,1]"]


def parse(line: str) -> CommandLine:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{NAME}.py", *shlex.split(line)])
        defaults = {"model.rank": 5, "trainer.precision": "bf16-mixed"}
        return CommandLine(NAME, "A question?\n\nMore.", LoRA, SST2, defaults)


@pytest.fixture(scope="module")
def facts():
    """What is kept of an experiment, as it stands in a file."""
    return json.loads(json.dumps(joined([catalogue_entries.collected(NAME, parse("").parser)])))


@pytest.fixture
def answer(facts):
    def call(line: str) -> tuple[int, str, str]:
        kept = Catalogue(facts, NAME)
        page, error = quick_answers.answered(shlex.split(line), kept, "A question?\n\nMore.")
        return (0, f"{page}\n", "") if page else (2, "", f"{NAME}.py: error: {error}\n")

    return call


@pytest.mark.parametrize("lines", [FEW, pytest.param(HELP + MISTAKES, marks=pytest.mark.slow)])
def test_the_parser_says_the_same(lines, answer, monkeypatch, capsys):
    for line, columns in zip(lines, itertools.cycle(["40", "80", "97", "120"])):
        monkeypatch.setenv("COLUMNS", columns)
        with pytest.raises(SystemExit) as end:
            parse(line)
        said = (end.value.code or 0, *capsys.readouterr())
        assert said[0] == (0 if line in [*HELP, "--help"] else 2), said
        assert answer(line) == said, line


def test_what_needs_more_is_left_to_the_parser(answer):
    for line in LEFT:
        with pytest.raises(Unanswerable):
            answer(line)
    for line in BEGUN:
        assert answer(line)[2] == f"{NAME}.py: error: \n"


def test_an_answer_ends_the_process(facts, monkeypatch, capsys):
    monkeypatch.setattr(flag_index, "read", lambda name: Catalogue(facts, name))
    monkeypatch.setattr(sys, "argv", ["x", "--zzz"])
    with pytest.raises(SystemExit) as end:
        quick_answers.answer(NAME)
    assert end.value.code == 2
    assert capsys.readouterr().err == f"{NAME}.py: error: unknown flag --zzz; see --help\n"
    monkeypatch.setattr(quick_answers.slurm, "requeued", lambda: True)
    quick_answers.answer(NAME)  # a requeued job goes on with its run


def test_the_answer_needs_no_library():
    code = "import sys, experiments.runner.quick_answers as q; print(q.__name__, "
    code += "{'torch', 'lightning', 'transformers', 'jsonargparse', 'numpy'} & set(sys.modules))"
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
    [("pretrain", "--help.data"), ("in_context_sst2", "--model.k thre")],
)
def test_the_first_call_says_what_the_parser_says(name, words, tmp_path):
    script = ROOT / "experiments" / f"{name}.py"
    command = [sys.executable, "-X", "importtime", str(script), *words.split()]
    parser = "import sys, runpy; from experiments.runner import quick_answers as q\n"
    parser += "q.answer = lambda name: None\n"
    parser += f"sys.argv = {[str(script), *words.split()]}; runpy.run_path(sys.argv[0], run_name="
    parser += "'__main__')"
    variables = {**os.environ, "PRETUNE_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    both = [command, [sys.executable, "-c", parser]]
    quick, whole = (
        subprocess.run(one, capture_output=True, text=True, cwd=ROOT, env=variables) for one in both
    )
    lines = quick.stderr.splitlines()
    said = "\n".join(line for line in lines if not line.startswith("import time:"))
    assert (quick.stdout, said.strip()) == (whole.stdout, whole.stderr.strip())
    assert quick.returncode == whole.returncode
    assert not any(line.split()[-1:] == ["torch"] for line in lines)
