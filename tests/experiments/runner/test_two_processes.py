"""Two processes that share each batch end as one process with the whole batch does."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from experiments.reporting.predicted import table as predicted
from tests import stories
from tests.experiments import forking, running
from tests.experiments.launching import free_port, srun_environment
from tests.experiments.runner.test_interruption import signal_at


def ended(output: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """The result of the one run in a folder, and the weights that it exported."""
    (run,) = output.glob("*/*")
    (weights,) = (run / "export").glob("*model.safetensors")
    return running.result(run), load_file(weights)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "strategy", "more"),
    [
        ("lora_sst2", "ddp", ""),
        ("lora_sst2", "ddp", "--model.quantize 4bit"),
        (
            "full_sst2",
            "ddp_find_unused_parameters_true",
            "--trainer.callbacks+=LayerwiseUnfreezing --trainer.callbacks.every_steps=1",
        ),
    ],
    ids=["lora", "quantised", "unfreezing"],
)
def test_two_processes_train_as_one(script, strategy, more, folder, bert, session_cache):
    """The last batch is shared out unevenly, and two batches make a step: all rows weigh alike.

    An adapter, and a whole network whose trained part grows: all in between take the same path.
    """
    if "quantize" in more:
        pytest.importorskip("bitsandbytes")
    line = running.flags(bert, tracked=True)
    line = [*line, "--trainer.accumulate_grad_batches", "2", "--model.backbone_dropout", "0"]
    line += ["--data.train_rows", "95", *more.split()]
    for name, parts in {
        "one": ["--data.batch_size", "16"],
        "two": f"--data.batch_size 8 --trainer.devices 2 --trainer.strategy {strategy}".split(),
    }.items():
        words = [*line, *parts, "--output", name, "--model.task.dropout", "0"]
        process = running.start(words, folder, session_cache, script)
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, (out, err)
        assert len(list((folder / name).glob("*/*/wandb/offline-run-*"))) == 1
    (one, weights), (two, others) = (ended(folder / name) for name in ("one", "two"))
    assert one["data"]["rows"]["train"] % 2 == 1
    assert one["metrics"] == pytest.approx(two["metrics"], rel=1e-5)
    alone, shared = (
        predicted.read(next((folder / name).glob("*/*/predictions.parquet")))
        for name in ("one", "two")
    )
    for split in ("validation", "test"):
        assert alone[split].rows == shared[split].rows and len(set(alone[split].rows)) > 5
        assert alone[split].loss == pytest.approx(shared[split].loss, rel=1e-3)
    for name, value in weights.items():
        if not name.endswith("key.bias"):  # its gradient is 0: Adam makes steps of the rounding
            torch.testing.assert_close(value, others[name], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2)])
def test_resumed_on_another_number_of_devices(first, then, folder, bert, session_cache):
    """A killed run keeps its batches and its schedule on however many devices it goes on."""
    line = running.flags(bert, "--checkpoint_seconds", 0, "--data.batch_size", 16 // first)
    line += ["--model.backbone_dropout", "0", "--model.task.dropout", "0"]

    def run(words: list[str], devices: int, killed: bool = False) -> None:
        if devices > 1:
            words = [*words, "--trainer.devices", str(devices), "--trainer.strategy", "ddp"]
        process = running.start(words, folder, session_cache)
        out, err = process.communicate(timeout=240)
        # Of two that are killed one may first hear that the other is gone.
        assert (process.returncode != 0) == killed, (out, err)

    run([*line, "--output", "whole"], first)
    kill = signal_at("train_batch_end:11", signal.SIGKILL)
    run([*line, "--output", "killed", *kill], first, killed=True)
    more = [] if then > 1 else ["--trainer.devices", "1", "--trainer.strategy", "auto"]
    run(["--resume", "last", "--output", "killed", *more], then)
    (whole, weights), (killed, others) = (ended(folder / name) for name in ("whole", "killed"))
    assert killed["metrics"] == pytest.approx(whole["metrics"], rel=1e-5)
    assert killed["tokens"] == whole["tokens"]
    for name, value in weights.items():
        torch.testing.assert_close(value, others[name], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_two_processes_pretrain_as_one(folder, session_cache):
    """CausalLM draws nothing, so that both have the same gradients of the same tokens."""
    corpus = stories.write(folder / "stories")
    line = ["--data.path", corpus, "--model", "CausalLM", "--model.size", "tiny"]
    line += ["--trainer.max_steps", "6", "--trainer.accelerator", "cpu", "--data.row_tokens", "32"]
    line += ["--trainer.precision", "32-true", "--tracking.mode", "disabled"]
    for devices in (1, 2):
        words = [*line, "--output", f"of{devices}", "--data.batch_size", str(8 // devices)]
        words += ["--trainer.devices", "2", "--trainer.strategy", "ddp"] if devices > 1 else []
        process = running.start(words, folder, session_cache, "pretrain")
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, (out, err)
    (one, weights), (two, others) = (ended(folder / f"of{devices}") for devices in (1, 2))
    assert two["metrics"] == pytest.approx(one["metrics"], rel=1e-4)
    assert two["tokens"] == one["tokens"]
    for name, value in weights.items():
        torch.testing.assert_close(value, others[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "srun"])
def test_started_by_a_launcher(launcher, folder, bert, session_cache):
    """Processes that share no parent of ours have one run, and go on with one."""
    both = "--trainer.devices 2 --trainer.strategy ddp".split()
    line = running.flags(bert, *both, "--checkpoint_seconds", 0, "--data.batch_size", 8)

    def run(words: list[str]) -> list[tuple[int, str]]:
        """Exit codes and error output of what the launcher, or each of the two, is."""
        settings = {"cwd": folder, "env": running.environment(session_cache), "text": True}
        settings |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        words = [str(running.ROOT / "experiments" / "lora_sst2.py"), *map(str, words)]
        if launcher == "torchrun":
            begin = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
            begun = [forking.start([*begin, "--master-port", free_port(), *words], **settings)]
        else:
            begun = []
            port = free_port()
            for rank in (0, 1):
                more = {**settings, "env": settings["env"] | srun_environment(rank, port)}
                begun.append(forking.start([sys.executable, *words], **more))
        try:
            said = ["".join(process.communicate(timeout=240)) for process in begun]
        finally:  # of two one may wait for the other without end
            for process in begun:
                process.kill()
        return [(process.returncode, text) for process, text in zip(begun, said, strict=True)]

    kill = signal_at("train_batch_end:3", signal.SIGKILL)
    assert all(code for code, _ in run([*line, *kill]))
    (made,) = (folder / "outputs" / "lora_sst2").iterdir()
    assert not (made / "result.json").exists()
    for code, said in run(["--resume", "last"]):
        assert code == 0, said
    (same,) = (folder / "outputs" / "lora_sst2").iterdir()
    assert same == made and running.result(made)["metrics"]["test/accuracy"] > 0.5
    for code, said in run(["--resume", "last"]) if launcher == "srun" else ():
        assert code and "no unfinished run" in said
