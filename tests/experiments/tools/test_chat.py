"""chat.py: every kind of export answers, by pipe and at a terminal; mistakes are one line."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from transformers import AutoTokenizer

import modules
from experiments.common.runs import record_start
from experiments.tools import chat, chat_export, chat_input, chat_model
from modules.exporting import export
from tests import tiny
from tests.experiments import running


@pytest.fixture
def say(piped):
    """Pipe lines into chat.py in this process: exit code, answers, errors."""
    return lambda lines, *words: piped(chat, *words, lines=lines)


def exported(strategy, speaker, folder, **settings):
    """The folder of an export, and what its module answers."""
    task = modules.InstructionFollowing()
    module = tiny.make(strategy, speaker, task=task, **settings).eval()
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05
    place = export(module, folder / "export")
    tokenizer = AutoTokenizer.from_pretrained(place)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Say 3."}], add_generation_prompt=True, return_dict=False
    )
    (wanted,) = task.generate(module.model, tokenizer, [ids], 12)
    return place, wanted


@pytest.mark.parametrize("strategy", ["FullFineTuning", "LoRA", "Adapter", "PromptTuning", "IA3"])
def test_every_kind_of_export_answers(strategy, speaker, folder, say, monkeypatch):
    monkeypatch.setattr(chat_model, "native_bf16", lambda: False)
    place, wanted = exported(getattr(modules, strategy), speaker, folder)
    moved = shutil.move(place, folder / "elsewhere")
    ended = say("Say 3.\n", str(moved), "--temperature", "0", "--max_new_tokens", "12")
    assert ended.code == 0 and ended.err == "", ended
    assert ended.out.strip() == wanted


def test_a_run_is_found_by_its_id_its_folder_and_as_the_last(speaker, folder, say):
    for name in ("named-by-an-agent", "251202-000000-bbbb"):
        run = folder / "outputs" / "instruction_tuning" / name
        shutil.copytree(speaker, run / "export")
        record_start(run)
        time.sleep(0.01)  # they are told apart by milliseconds
    for wanted in ("last", "named-by-an-agent", "outputs/instruction_tuning/251202-000000-bbbb"):
        ended = say("a\n", wanted, "--max_new_tokens", "2")
        assert ended.code == 0 and ended.out, ended
    assert chat_export.find("last", "outputs", True).parent.name == "251202-000000-bbbb"


def test_draws_are_a_function_of_the_seed(speaker, say):
    words = [speaker, "--max_new_tokens", "20", "--temperature", "1"]
    first = say("a\nb\n", *words)
    assert first.out == say("a\nb\n", *words).out
    assert first.out != say("a\nb\n", *words, "--seed", "1").out


class Scripted(chat_model.ChatModel):
    """A speaker that keeps what it is asked; every word is a token."""

    def __init__(self, context_length: int = 1000) -> None:
        self.context_length, self.asked, self.stopped = context_length, [], False

    def fit(self, history, max_new_tokens):
        ids, kept = super().fit(history, max_new_tokens)
        self.fitted = [dict(message) for message in kept]
        return ids, kept

    def ids(self, history: list[dict]) -> list[str]:
        return " ".join(message["content"] for message in history).split()

    def answer(self, ids, sampling, stopped) -> chat_model.Answer:
        self.asked.append(self.fitted)
        deadline = time.monotonic() + 5
        while "slow" in ids and not self.stopped and time.monotonic() < deadline:
            self.stopped = stopped()
        return chat_model.Answer(f"answer {len(self.asked)}", 2, "stop")


SETTINGS = SimpleNamespace(
    system="Be brief.", seed=0, max_new_tokens=4, temperature=0, top_p=None, raw=False
)


def test_turns_are_remembered_as_far_as_the_context_goes():
    speaker = Scripted(context_length=14)
    chat.converse(
        speaker, SETTINGS, iter(["one two", "three", "four five", "six"]), chat_input.Stop()
    )
    contents = [[message["content"] for message in history] for history in speaker.asked]
    assert contents[1] == ["Be brief.", "one two", "answer 1", "three"]
    assert contents[3] == ["Be brief.", "three", "answer 2", "four five", "answer 3", "six"]


def test_a_question_that_does_not_fit_is_said_and_forgotten(capfd):
    speaker = Scripted(context_length=8)
    chat.converse(speaker, SETTINGS, iter(["a " * 9, "b"]), chat_input.Stop())
    assert [message["content"] for message in speaker.asked[0]] == ["Be brief.", "b"]
    assert "too long: 11 of 8 tokens" in capfd.readouterr().err


def test_ctrl_c_stops_the_answer_and_not_the_program():
    speaker, stop, before = Scripted(), chat_input.Stop(), signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, stop)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    chat.converse(speaker, SETTINGS, iter(["slow", "b"]), stop)
    signal.signal(signal.SIGINT, before)
    assert speaker.stopped and len(speaker.asked) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nowhere", "nowhere: no such run in outputs; the latest there: none"),
        ("last", "last: no run that can answer in outputs"),
        (".", ".: . holds no model that was exported"),
        ("speaker --max_new_tokens 0", "--max_new_tokens 0: at least 1"),
        ("speaker --temperature -1", "--temperature -1.0: at least 0"),
        ("speaker --template none", "--template none: neither tokenizer, plain nor a file"),
        (
            "speaker --tempreature 1",
            "unrecognized arguments: --tempreature 1; did you mean --temperature?",
        ),
        ("", "the following arguments are required: model (see --help)"),
    ],
)
def test_a_mistake_is_one_line(words, said, say, speaker):
    ended = say("a\n", *words.split())
    assert (ended.code, ended.out, ended.err) == (2, "", f"chat.py: error: {said}\n")


def test_what_writes_no_answers_is_one_line(say, bert, folder):
    ended = say("a\n", bert)
    assert ended.code == 2 and "a BertModel does not write answers" in ended.err
    export(tiny.make(modules.LoRA, bert), folder / "export")
    ended = say("a\n", str(folder / "export"))
    assert ended.code == 2 and "an adapter for SEQ_CLS writes no answers" in ended.err


def test_a_model_without_a_template_is_offered_ours(say, llama):
    ended = say("a\n", llama)
    assert ended.code == 2 and "take ours with --template plain" in ended.err
    assert say("a\n", llama, "--template", "plain", "--max_new_tokens", "2").code == 0


def test_help_says_how(say):
    ended = say("", "--help")
    assert ended.code == 0 and "Ctrl-C stops an answer, Ctrl-D ends" in ended.out


@pytest.mark.slow
def test_at_a_terminal(speaker, folder, session_cache):
    """Real keys: a question, Ctrl-C in its answer, another question, Ctrl-D."""
    master, slave = pty.openpty()
    script = str(running.ROOT / "experiments" / "tools" / "chat.py")
    process = subprocess.Popen(
        [sys.executable, script, speaker, "--max_new_tokens", "200"],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, close_fds=True,
        env=running.environment(session_cache), start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    seen = b""

    def until(wanted: bytes, count: int = 1) -> None:
        nonlocal seen
        deadline = time.monotonic() + 60
        while seen.count(wanted) < count:
            assert process.poll() is None and time.monotonic() < deadline, seen
            if select.select([master], [], [], 1)[0]:
                seen += os.read(master, 1000)

    until(b"> ")
    os.write(master, b"Say 3.\n")
    until(b"Say 3.")
    os.write(master, b"\x03")  # in the answer, or before it has begun
    until(b"\n> ", 2)
    os.write(master, b"Say 4.\n")
    until(b"\n> ", 3)
    os.write(master, b"\x04")
    assert process.wait(30) == 0
    os.close(master)
