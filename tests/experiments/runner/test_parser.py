"""The command line in the user's hands: what is typed and what is understood."""

import pytest
import yaml

from tests.experiments.runner.small_experiment import HERE, experiment


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
    assert (
        "discard" not in "".join(capsys.readouterr()).lower()
        and [str(w.message) for w in recwarn.list] == []
    )
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
