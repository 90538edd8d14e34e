"""The command line in the user's hands: what is typed, what is understood, what is said."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Literal

import pytest
import yaml
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat, PositiveInt
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningCLI

from experiments.runner.parser import Parser

HERE = __name__


class Task:
    """What is learned."""


class Classification(Task):
    """One label for each text.

    Args:
        num_classes: How many labels there are.
    """

    def __init__(self, num_classes: PositiveInt = 2) -> None: ...


class Regression(Task):
    """One number for each text."""

    def __init__(self, low: float = 0.0) -> None: ...


class FineTuning(LightningModule):
    """The base.

    Args:
        backbone: The model to start from.
        task: What is learned.
        learning_rate: The highest learning rate.
        weight_decay: Decay of the matrices.
        warmup: Share of the steps that warm up.
        schedule: What the learning rate does afterwards.
    """

    def __init__(
        self,
        backbone: str = "minilm",
        task: Task = Classification(),
        learning_rate: PositiveFloat = 1e-3,
        weight_decay: NonNegativeFloat = 0.01,
        warmup: ClosedUnitInterval = 0.06,
        schedule: Literal["linear", "cosine", "constant"] = "linear",
    ) -> None:
        super().__init__()


class LoRA(FineTuning):
    """Low-rank updates.

    Args:
        rank: Rank of the update. A second sentence that one screen leaves out.
        targets: The layers that get one.
        learning_rate: The highest learning rate.
        **kwargs: As for FineTuning.
    """

    def __init__(
        self,
        rank: PositiveInt = 4,
        targets: str | list[str] = "all-linear",
        learning_rate: PositiveFloat = 1e-3,
        **kwargs,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)


class Full(FineTuning):
    """Every weight.

    Args:
        learning_rate: The highest learning rate.
        **kwargs: As for FineTuning.
    """

    def __init__(self, learning_rate: PositiveFloat = 2e-5, **kwargs) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)


class Text(LightningDataModule):
    """The base.

    Args:
        source: Where the text is from.
        tokenizer: Follows the backbone.
        batch_tokens: Tokens in a batch.
        batch_size: Sentences in a batch.
    """

    def __init__(
        self,
        source: str = "auto",
        tokenizer: str = "minilm",
        batch_tokens: PositiveInt | None = 4096,
        batch_size: PositiveInt | None = None,
    ) -> None:
        super().__init__()


class SST2(Text):
    """Film reviews."""


class Files(Text):
    """One's own files."""

    def __init__(self, source: str, **kwargs) -> None:
        super().__init__(source=source, **kwargs)


class Many(Text):
    """More flags than fit on a screen."""

    def __init__(
        self,
        a1: int = 0,
        a2: int = 0,
        a3: int = 0,
        a4: int = 0,
        a5: int = 0,
        a6: int = 0,
        a7: int = 0,
        a8: int = 0,
        a9: int = 0,
        b1: int = 0,
        b2: int = 0,
        b3: int = 0,
        b4: int = 0,
        b5: int = 0,
        b6: int = 0,
        b7: int = 0,
        b8: int = 0,
        b9: int = 0,
        c1: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)


class Experiment(LightningCLI):
    def add_arguments_to_parser(self, parser):
        parser.add_argument("--resume", type=str | None, default=None, help="A run to go on with.")
        parser.add_argument(
            "--tracking.mode",
            type=Literal["auto", "online", "disabled"],
            default="auto",
            help="Where the run is tracked.",
        )
        parser.add_argument("--tracking.tags", type=list[str], default=[])
        parser.link_arguments("model.init_args.backbone", "data.init_args.tokenizer")
        parser.set_defaults(
            {
                "model": {
                    "class_path": f"{HERE}.LoRA",
                    "init_args": {"rank": 8, "learning_rate": 2e-3, "warmup": 0.2},
                },
                "data": {"class_path": f"{HERE}.SST2", "init_args": {"batch_tokens": 2048}},
            }
        )

    def instantiate_classes(self):
        pass


def experiment():
    return Experiment(
        FineTuning,
        Text,
        parser_class=Parser,
        save_config_callback=None,
        run=False,
        subclass_mode_model=True,
        subclass_mode_data=True,
        seed_everything_default=0,
        auto_configure_optimizers=False,
        trainer_defaults={"max_epochs": 3},
        parser_kwargs={"description": "Does LoRA learn SST-2?\nIt does.\n\nAnd more."},
    )


@pytest.fixture
def run(monkeypatch):
    """Call the experiment with a command line; returns its config."""

    def call(line: str | list[str] = ""):
        words = line.split() if isinstance(line, str) else line
        monkeypatch.setattr(sys, "argv", ["lora.py", *words])
        return experiment().config

    return call


@pytest.fixture
def said(run, capsys):
    """Call it with a wrong command line; returns the one line that it says."""

    def call(line: str | list[str]) -> str:
        with pytest.raises(SystemExit) as stop:
            run(line)
        out, err = capsys.readouterr()
        assert stop.value.code == 2 and out == ""
        assert err.startswith("lora.py: error: ") and err.count("\n") == 1, err
        assert "jsonargparse" not in err and "<class" not in err and "typing." not in err, err
        return err.removeprefix("lora.py: error: ").rstrip()

    return call


@pytest.fixture
def shown(run, capsys):
    """Call it for help; returns the text."""

    def call(line: str) -> str:
        with pytest.raises(SystemExit) as stop:
            run(line)
        assert stop.value.code == 0
        return capsys.readouterr().out

    return call


# What is understood


def test_defaults_of_the_experiment(run):
    config = run()
    assert config.model.class_path == f"{HERE}.LoRA" and config.data.class_path == f"{HERE}.SST2"
    model = config.model.init_args
    assert (model.rank, model.learning_rate, model.warmup, model.weight_decay) == (
        8,
        2e-3,
        0.2,
        0.01,
    )
    assert model.task.init_args.num_classes == 2
    assert config.data.init_args.batch_tokens == 2048 and config.trainer.max_epochs == 3


@pytest.mark.parametrize(
    "line",
    [
        "--model.rank 16",
        "--model.rank=16",
        "--model LoRA --model.rank 16",
        "--model.rank 16 --model LoRA",
        "--model.rank=16 --model=LoRA",
        "--model.init_args.rank 16",
        "--model.rank 2 --model.rank 16",
        "--model {here}.LoRA --model.rank 16",
        "--model.init_args.rank=16 --model.class_path={here}.LoRA",
        '--model {{"class_path":"LoRA","init_args":{{"rank":16}}}}',
    ],
)
def test_spellings_of_one_setting(run, line):
    model = run(line.format(here=HERE)).model
    assert model.class_path == f"{HERE}.LoRA"
    assert (model.init_args.rank, model.init_args.learning_rate) == (16, 2e-3)


def test_lists_exponents_and_classes_of_the_trainer(run):
    config = run(
        "--model.targets [q,v] --tracking.tags+=a --tracking.tags+=b"
        " --model.weight_decay 1e-3 --trainer.logger CSVLogger"
        " --trainer.logger.save_dir x --trainer.callbacks+=EarlyStopping"
        " --trainer.callbacks.monitor=m --trainer.callbacks+=ModelCheckpoint"
        " --trainer.callbacks.save_last=true"
    )
    assert config.model.init_args.targets == ["q", "v"] and config.tracking.tags == ["a", "b"]
    assert config.model.init_args.weight_decay == 1e-3
    assert config.trainer.logger.init_args.save_dir == "x"
    first, second = config.trainer.callbacks
    assert first.init_args.monitor == "m" and second.init_args.save_last is True


def test_another_class_keeps_inherited_defaults_only(run, capsys, recwarn):
    """LoRA's learning rate would ruin full fine-tuning, whose own default must hold."""
    model = run("--model Full").model
    assert model.class_path == f"{HERE}.Full" and "rank" not in model.init_args
    assert model.init_args.learning_rate == 2e-5  # its own
    assert model.init_args.warmup == 0.2  # the experiment's
    assert "discard" not in "".join(capsys.readouterr()).lower() and not recwarn.list
    assert run("--model Full --model.learning_rate 1e-4").model.init_args.learning_rate == 1e-4


def test_task_in_any_order(run):
    for line in (
        "--model.task Regression --model.task.low 1",
        "--model.task.low=1 --model.task=Regression",
    ):
        task = run(line).model.init_args.task
        assert task.class_path == f"{HERE}.Regression" and task.init_args.low == 1.0


def test_link(run):
    config = run("--model.backbone smollm2 --data Files --data.source x.csv")
    assert config.data.init_args.tokenizer == "smollm2"


def test_flags_win_over_a_file_wherever_they_stand(run, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(
        "model:\n  class_path: LoRA\n  init_args: {rank: 2, warmup: 0.5}\n"
        "trainer: {max_epochs: 7}\n"
    )
    for line in (f"--config {file} --model.rank 3", f"--model.rank 3 -c {file}"):
        config = run(line)
        model = config.model.init_args
        assert (model.rank, model.warmup, model.learning_rate) == (3, 0.5, 2e-3)
        assert config.trainer.max_epochs == 7


def test_file_that_chooses_another_class(run, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("model: {class_path: Full, init_args: {warmup: 0.5}}\n")
    model = run(f"--config {file}").model
    assert model.class_path == f"{HERE}.Full"
    assert (model.init_args.learning_rate, model.init_args.warmup) == (2e-5, 0.5)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--model Full --model.task Regression --data.batch_size 3",
        "--data Files --data.source x.csv --trainer.precision bf16-mixed",
    ],
)
def test_printed_config_reads_back(run, capsys, tmp_path, line):
    with pytest.raises(SystemExit) as stop:
        run(f"{line} --print_config")
    assert stop.value.code == 0
    file = tmp_path / "c.yaml"
    file.write_text(capsys.readouterr().out)
    assert "model" in yaml.safe_load(file.read_text())
    want, got = run(line), run(f"--config {file}")
    got.config = None
    assert got == want
    cli = experiment()  # and so does a saved one that names what follows other settings
    file.write_text(cli.parser.dump(cli.config, skip_link_targets=False))
    assert run(f"--config {file}").model == want.model


# What is said


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
        ("--model Lora", "--model Lora: unknown class; did you mean LoRA? choose from Full, LoRA"),
        (
            "--model nowhere.LoRA",
            "--model nowhere.LoRA: unknown class; did you mean LoRA? choose from Full, LoRA",
        ),
        (
            "--model Lora --help",
            "--model Lora: unknown class; did you mean LoRA? choose from Full, LoRA",
        ),
        ("--help.model Xyz", "--model Xyz: unknown class; choose from Full, LoRA"),
        ("--help.modle", "--help.modle: there are --help.model, --help.data and --help.trainer"),
        (
            "--model.task Clasification",
            "--model.task Clasification: unknown class; did you mean "
            "Classification? choose from Classification, Regression",
        ),
        ("--data Files", "--data.source must be given"),
        ("--model.rank", "--model.rank: needs a value, a whole number above 0"),
        ("--model.rank --resume last", "--model.rank: needs a value, a whole number above 0"),
        ("--config", "--config: needs a value"),
        ("fit", "fit: every value follows a flag; see --help"),
        ("--model.rank 8 9", "--model.rank: one value too many, 9; quote what has spaces"),
        (
            "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitr=m",
            "unknown flag --trainer.callbacks.monitr; see --help",
        ),
        (
            "--trainer.logger Nope",
            "--trainer.logger Nope: must be the name of a Logger class, true or false or null",
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
            run() and experiment().parser.error(message)
        assert capsys.readouterr().err.splitlines()[-1] == f"lora.py: error: {line or message}"


# What is shown


@pytest.mark.parametrize("flag", ["--help", "-h", "--model.rank 3 --help", "--data Many --help"])
def test_help_is_one_screen(shown, flag):
    lines = shown(flag).splitlines()
    assert len(lines) <= 50 and max(map(len, lines)) <= 100
    assert lines[:2] == ["Does LoRA learn SST-2?", "It does."]
    text = "\n".join(lines)
    for part in (
        "--model.rank 8 ",
        "Rank of the update\n",
        "--model.learning_rate 0.002 ",
        "--model.schedule linear",
        "--resume null",
        "--tracking.mode auto",
        "--trainer.max_epochs 3",
        "--trainer.precision null",
        "--help.trainer",
        "--print_config",
        "--model is one of Full, LoRA",
        "--data is one of Files, Many, SST2",
    ):
        assert part in text, part
    assert "--data.tokenizer" not in text and "And more" not in text


def test_help_of_another_class(shown):
    text = shown("--model Full --data Files --help")
    assert "--model Full:" in text and "--model.rank" not in text
    assert "--model.learning_rate 2e-05" in text and "--model.warmup 0.2" in text
    assert "--data.source (required)" in text and "--data.batch_tokens 2048" in text


def test_help_in_full(shown):
    text = shown("--help.model")
    assert "--model.task.num_classes 2" in text and "A second sentence" in text
    assert "(one of linear, cosine or constant)" in text and "Low-rank updates." in text
    assert "Every weight." in shown("--help.model Full") and "--data.source" in shown("--help.data")
    trainer = shown("--help.trainer")
    assert "--trainer.val_check_interval" in trainer and "--trainer.max_epochs 3" in trainer


def test_help_is_quick(shown):
    """By the number of calls, with the parser's construction: it is the same on every machine."""
    calls = Counter()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: calls.update([event]))
    try:
        shown("--help")
    finally:
        sys.setprofile(before)
    assert calls["call"] < 250_000  # twice what it takes


def test_as_a_command():
    """A real process: one line, exit code 2, nothing on the output."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, __file__, "--model.rank", "0"],
        text=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "test_parser.py: error: --model.rank 0: must be a whole number above 0\n"


if __name__ == "__main__":
    experiment()
