"""instruction_tuning.py as users call it: what it shows, what it leaves, what is one line."""

import json
import signal
import subprocess
import sys

import pytest

import modules
from datamodules import Instructions
from experiments import instruction_tuning
from experiments.runner import cli
from tests import chats
from tests.experiments import chatting, running
from tests.experiments.conftest import Ended

DEFAULTS = {
    "model.task": "InstructionFollowing",
    "trainer.callbacks": ["GenerationSamples", "UnseenTasks"],
}


@pytest.fixture
def call(folder, monkeypatch, capfd):
    """Call instruction_tuning.py in this process with what is typed."""

    def ended(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["experiments/instruction_tuning.py", *words])
        monkeypatch.delenv("PRETUNE_RUN", raising=False)
        capfd.readouterr()
        code, handlers = 0, {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            script = instruction_tuning
            cli.main(script.__file__, script.__doc__, modules.LoRA, Instructions, DEFAULTS)
        except SystemExit as stop:
            code = stop.code
        for number, handler in handlers.items():
            signal.signal(number, handler)
        out, err = capfd.readouterr()
        return Ended(code, out, err, folder / "outputs")

    return ended


def test_a_run_shows_what_it_learns_and_what_changed(call, speaker, records, films):
    ended = call(*chatting.flags(speaker, records, "--data.unseen", "imdb"))
    assert ended.code == 0, ended.err
    table = ended.out.partition("learn nothing")[2].splitlines()
    assert table[1].split()[0] == "train" and table[1].split()[-1] == "0"
    assert "«" in ended.out and "<|im_end|>»" in ended.out and "\033[" not in ended.out
    assert ended.out.index("learn nothing") < ended.out.index("before  ")
    metrics = running.result(ended.run)["metrics"]
    assert metrics["test/loss"] < metrics["before/loss"]
    named = {"rouge_l", "exact_match", "imdb", "loss"}
    assert {f"{when}/{name}" for when in ("before", "test") for name in named} <= metrics.keys()
    held = json.loads((ended.run / "answers.json").read_text())
    assert len(held) == 6 and all(row["reference"] for row in held)  # rows of the test alone
    shown = ended.out.partition(held[0]["prompt"])[2].splitlines()[1:4]
    assert [line.split()[0] for line in shown] == ["wanted", "before", "after"]
    assert "imdb, not taught: zero-shot accuracy" in ended.out
    data = running.result(ended.run)["data"]
    assert data["learned"]["train"] and data["source"] == "files" and not data["packed"]
    assert (ended.run / "export" / "adapter_config.json").exists()


def test_the_template_of_the_data_is_that_of_the_export(call, speaker, records):
    ended = call(*chatting.flags(speaker, records, "--data.template", "plain"))
    assert ended.code == 0, ended.err
    exported = ended.run / "export"
    held = json.loads((exported / "tokenizer_config.json").read_text())
    template = held.get("chat_template") or (exported / "chat_template.jinja").read_text()
    assert template == chats.PLAIN_TEMPLATE


def test_packed_by_flag(call, speaker, records):
    ended = call(*chatting.flags(speaker, records, "--data.packing", "true"))
    assert ended.code == 0, ended.err
    data = running.result(ended.run)["data"]
    assert data["packed"] and data["packed_rows"]["train"] < data["rows"]["train"]


def test_no_colour_where_it_is_not_wanted(monkeypatch):
    from experiments.runner import summary

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert summary.colours()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not summary.colours()


MISTAKES = {
    "--data.max_length 41": "--data.template: no token that ends a response would be learned",
    "--data.max_length 30": "--data.max_length: no token of ",
    "--data.max_length 300": "--data.max_length 300: ",
    "--data.template none.jinja": "--data.template none.jinja: neither tokenizer, plain nor a file",
    "--data.unseen films": "--data.unseen films: there are rotten_tomatoes, imdb, ",
    "--data.source none.jsonl": "--data.source: none.jsonl: there is no such file",
    "--data.train_rows 0": "--data.train_rows 0: must be",
    "--model.task Classification": "--model.task Classification: reads labelled texts",
    "--model PromptTuning --data.packing true": "--data.packing: the prompt of PromptTuning",
    "--model LinearProbe": "--model LinearProbe: ",
    "--data.loss answers": "--data.loss answers: must be responses or all",
}


@pytest.mark.parametrize("typed", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(typed, call, speaker, records):
    ended = call(*chatting.flags(speaker, records), *typed.split())
    assert ended.code == 2, ended
    assert ended.err.startswith(f"instruction_tuning.py: error: {MISTAKES[typed]}"), ended.err
    assert ended.err.count("\n") == 1 and ended.out == "" and not ended.outputs.exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"instruction": "a", "output": ""}', "row 61: no response"),
        ('{"messages": [{"role": "user", "content": "a"}]}', "row 61: no response"),
        ('{"text": "a"}', "row 61: unknown format"),
        ("{", "row 61: is not JSON"),
    ],
)
def test_a_bad_record_is_one_line(line, said, call, speaker, records, folder):
    (folder / "bad.jsonl").write_text((folder / "my.jsonl").read_text() + line + "\n")
    ended = call(*chatting.flags(speaker, "bad.jsonl"))
    assert ended.code == 2 and ended.err.count("\n") == 1, ended
    assert "bad.jsonl" in ended.err and said in ended.err


def test_a_tokenizer_without_a_template_is_offered_ours(call, records, llama):
    ended = call(*chatting.flags(llama, records), "--data.max_length", "64")
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert "this tokenizer has no chat template; take ours with --data.template plain" in ended.err


def test_an_encoder_is_one_line(call, records, bert, folder):
    template = folder / "t.jinja"
    template.write_text(chats.PLAIN_TEMPLATE.replace("eos_token", "'[SEP]'"))
    ended = call(*chatting.flags(bert, records), "--data.max_length", "64",
                 "--data.template", str(template))  # fmt: skip
    assert ended.code == 2 and "is an encoder" in ended.err and ended.err.count("\n") == 1


def test_labelled_texts_are_refused(experiment):
    ended = experiment("--model.task", "InstructionFollowing")
    assert ended.code == 2 and ended.err.count("\n") == 1


@pytest.mark.slow
def test_the_file_itself(speaker, records, folder, session_cache):
    words = [*chatting.flags(speaker, records), "--data.train_rows", "20"]
    words += ["--data.tasks", "none", "--data.unseen", "none", "--data.eval_rows", "10"]
    """A real process: nothing but Python has begun it."""
    begin = subprocess.Popen
    code, out, err = running.call(words, folder, session_cache, "instruction_tuning", begin=begin)
    assert code == 0, err
    assert "test/rouge_l" in out


@pytest.mark.slow
def test_killed_and_resumed_it_is_the_same_run(speaker, records, folder, session_cache):
    words = [*chatting.flags(speaker, records), "--data.train_rows", "40", "--data.packing", "true"]
    words += ["--data.tasks", "none", "--data.unseen", "none", "--data.eval_rows", "10"]
    words += ["--data.batch_tokens", "320"]

    def finish(output: str, *more: str) -> dict:
        process = running.start(
            [*more, "--output", output], folder, session_cache, "instruction_tuning"
        )
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        (run,) = (folder / output / "instruction_tuning").iterdir()
        return running.result(run)["metrics"]

    whole = finish("whole", *words)
    kill = ["--trainer.callbacks+=tests.experiments.signalling.SignalAt"]
    kill += ["--trainer.callbacks.places", "train_batch_end:7"]
    process = running.start(
        [*words, *kill, "--output", "cut", "--checkpoint_seconds", "0"],
        folder, session_cache, "instruction_tuning",
    )  # fmt: skip
    process.communicate(timeout=240)
    assert process.returncode == -signal.SIGKILL
    assert finish("cut", "--resume", "last") == whole


@pytest.mark.slow
def test_two_processes_measure_what_one_does(speaker, records, folder, session_cache):
    words = [*chatting.flags(speaker, records), "--data.train_rows", "40"]
    words += ["--data.tasks", "none", "--data.unseen", "none", "--data.eval_rows", "10"]
    found = []
    for devices, tokens in ((1, 1600), (2, 800)):
        more = ["--trainer.devices", str(devices), "--data.batch_tokens", str(tokens)]
        more += ["--output", str(devices)]
        process = running.start([*words, *more], folder, session_cache, "instruction_tuning")
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        (run,) = (folder / str(devices) / "instruction_tuning").iterdir()
        found.append(running.result(run)["metrics"])
    for name in ("before/loss", "test/loss", "val/loss"):
        assert found[0][name] == pytest.approx(found[1][name], rel=1e-2), name
