"""Each mistake on the command line or in a configuration file is one line of error."""

import os
import sys
from pathlib import Path

import pytest

from tests.experiments import forking
from tests.experiments.runner import small_experiment

OWN = ", or give package.MyClass or ./file.py:MyClass"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--model.rnak 8", "unknown flag --model.rnak; did you mean --model.rank?"),
        ("--model.rnak=8", "unknown flag --model.rnak; did you mean --model.rank?"),
        ("--rank 8", "unknown flag --rank; did you mean --model.rank?"),
        ("--data.rank 8", "unknown flag --data.rank; did you mean --model.rank?"),
        ("--learningrate 8", "unknown flag --learningrate; did you mean --model.learning_rate?"),
        (
            "--trainer.precison 16",
            "unknown flag --trainer.precison; did you mean --trainer.precision?",
        ),
        ("--trainer.max_ep 1", "unknown flag --trainer.max_ep; did you mean --trainer.max_epochs?"),
        ("--resum last", "unknown flag --resum; did you mean --resume?"),
        ("--zzz 1", "unknown flag --zzz; see --help"),
        ("-x", "unknown flag -x; see --help"),
        (
            "--model.task.num_clases 3",
            "unknown flag --model.task.num_clases; did you mean --model.task.num_classes?",
        ),
        ("--model Full --model.rank 8", "--model.rank 8: Full has no rank; --model LoRA has"),
        ("--model.rank 8 --model Full", "--model.rank 8: Full has no rank; --model LoRA has"),
        (
            "--model.task Regression --model.task.num_classes 3",
            "--model.task.num_classes 3: Regression "
            "has no num_classes; --model.task Classification has",
        ),
        ("--data.tokenizer x", "--data.tokenizer x: follows --model.backbone; set that instead"),
        ("--model.rank many", "--model.rank many: must be a whole number above 0"),
        ("--model.rank 0", "--model.rank 0: must be a whole number above 0"),
        ("--model.rank=2.5", "--model.rank 2.5: must be a whole number above 0"),
        ("--model.rank=", "--model.rank '': must be a whole number above 0"),
        ("--model.learning_rate -1", "--model.learning_rate -1: must be a number above 0"),
        ("--model.learning_rate -1e-3", "--model.learning_rate -1e-3: must be a number above 0"),
        ("--model.weight_decay -1", "--model.weight_decay -1: must be a number of at least 0"),
        ("--model.warmup 2", "--model.warmup 2: must be a number from 0 to 1"),
        (
            "--model.schedule lnear",
            "--model.schedule lnear: must be one of linear, cosine or constant;"
            " did you mean linear?",
        ),
        (
            "--model.task.num_classes 0",
            "--model.task.num_classes 0: must be a whole number above 0",
        ),
        ("--data.batch_tokens x", "--data.batch_tokens x: must be a whole number above 0 or null"),
        (
            "--tracking.mode onlin",
            "--tracking.mode onlin: must be one of auto, online or disabled; did you mean online?",
        ),
        ("--trainer.max_epochs x", "--trainer.max_epochs x: must be a whole number or null"),
        (
            "--model Lora",
            f"--model Lora: unknown class; did you mean LoRA? choose from Full, LoRA{OWN}",
        ),
        (
            "--model Lora --help",
            f"--model Lora: unknown class; did you mean LoRA? choose from Full, LoRA{OWN}",
        ),
        ("--help.model Xyz", f"--model Xyz: unknown class; choose from Full, LoRA{OWN}"),
        (
            "--help.modle",
            "--help.modle: there are --help.model, --help.model.task, --help.data, --help.trainer "
            "and --help.trainer.callbacks",
        ),
        (
            "--model.task Clasification",
            "--model.task Clasification: unknown class; did you mean "
            f"Classification? choose from Classification, Regression{OWN}",
        ),
        ("--data Files", "--data.source must be given"),
        ("--model.rank", "--model.rank: needs a value, a whole number above 0"),
        ("--model.rank --resume last", "--model.rank: needs a value, a whole number above 0"),
        ("--config", "--config: needs a value"),
        ("fit", "fit: every value follows a flag; see --help"),
        ("--model.rank 8 9", "--model.rank: one value too many, 9; quote what has spaces"),
        (
            "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitr=m",
            "unknown flag --trainer.callbacks.monitr; did you mean --trainer.callbacks.monitor?",
        ),
        ("--print_config=nope", 'Invalid option "nope" for --print_config'),
    ],
)
def test_mistakes(said, line, message):
    assert said(line) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such file"),
        ("model: [a\n b: {", "not YAML, line 2: "),
        ("just words", "not a configuration, whose lines read 'key: value'"),
        ("", "not a configuration, whose lines read 'key: value'"),
        ("modle: {rank: 1}", "unknown key modle.rank; did you mean model.rank?"),
        ("modle: LoRA", "unknown key modle; did you mean model?"),
        (
            "trainer: {max_epohs: 1}",
            "unknown key trainer.max_epohs; did you mean trainer.max_epochs?",
        ),
        (
            "model: {class_path: LoRA, init_args: {rnak: 1}}",
            "unknown key model.rnak; did you mean model.rank?",
        ),
        (
            "model: {class_path: Full, init_args: {rank: 1}}",
            "model.rank 1: Full has no rank; --model LoRA has",
        ),
        (
            "model: {class_path: Lora}",
            "model Lora: unknown class; did you mean LoRA? choose from Full, LoRA",
        ),
        (
            "model: {class_path: LoRA, init_args: {rank: 0}}",
            "model.rank 0: must be a whole number above 0",
        ),
        ("trainer: {max_epochs: x}", "trainer.max_epochs x: must be a whole number or null"),
    ],
)
def test_mistakes_in_a_file(said, tmp_path, text, message):
    file = tmp_path / "c.yaml"
    if text is not None:
        file.write_text(text)
    assert said(f"--config {file}").startswith(f"--config {file}: {message}")


def test_file_that_is_no_text(said, tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00")
    assert said(f"--config {tmp_path / 'c.yaml'}").endswith(": not a text file")
    assert said(f"--config {tmp_path}").endswith(": Is a directory")


def test_own_words_stay_and_strange_pages_shrink(run, capsys):
    for message, line in [
        ("--data.source x.csv: no column text", None),
        ("Does not validate\n  - One thing.\n  - Another.", "One thing."),
        ("word " * 500, "word " * 58 + "word ..."),
    ]:
        with pytest.raises(SystemExit):
            run() and small_experiment.experiment().parser.error(message)
        assert capsys.readouterr().err.splitlines()[-1] == f"lora.py: error: {line or message}"


@pytest.mark.slow
def test_as_a_command():
    """A process: one line, exit code 2, nothing on the output."""
    command = [sys.executable, small_experiment.__file__, "--model.rank", "0"]
    root = Path(__file__).parents[3]
    done = forking.run(command, text=True, env=os.environ | {"PYTHONPATH": str(root)})
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "small_experiment.py: error: --model.rank 0: must be a whole number above 0\n"
    )
