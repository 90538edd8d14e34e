"""pretrain.py as users call it: it learns, is killed, goes on, exports; mistakes are one line."""

import json
import signal
import sys
import time

import pytest

import modules
from datamodules import Corpus
from experiments import pretrain
from experiments.runner import cli
from tests import stories
from tests.experiments import running
from tests.experiments.conftest import Ended
from tests.experiments.running import TINY_PRETRAINING

GOING_ON = TINY_PRETRAINING[2:]  # without --model.size, which is a new network's


@pytest.fixture
def corpus(folder) -> str:
    return stories.write(folder / "stories")


@pytest.fixture
def call(folder, monkeypatch, capfd):
    """Call pretrain.py in this process with what is typed."""

    def ended(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["experiments/pretrain.py", *words])
        capfd.readouterr()
        code, handlers = 0, {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            cli.main(pretrain.__file__, pretrain.__doc__, modules.MaskedLM, Corpus)
        except SystemExit as stop:
            code = stop.code
        for number, handler in handlers.items():
            signal.signal(number, handler)
        out, err = capfd.readouterr()
        return Ended(code, out, err, folder / "outputs")

    return ended


def test_a_run_says_what_it_learned_and_where_it_lies(call, corpus, folder):
    ended = call("--data.path", corpus, *TINY_PRETRAINING, "--model", "CausalLM")
    assert ended.code == 0, ended.err
    run = running.only_run(folder, "pretrain")
    result = json.loads((run / "result.json").read_text())
    assert {"val/causal_loss", "val/perplexity", "val/bits_per_byte"} <= result["metrics"].keys()
    made = json.loads((folder / "stories" / "manifest.json").read_text())["fingerprint"]
    assert result["data"]["fingerprint"] == made and result["tokens_per_second"] > 0
    assert "a new modernbert-decoder (tiny)" in ended.out and f"done   {run}" in ended.out.replace(
        "outputs/", f"{folder}/outputs/"
    )
    card = (run / "export" / "README.md").read_text()
    assert "stories" in card and "val/bits_per_byte" in card
    assert not any(name.startswith("test/") for name in result["metrics"])


def test_pairs_are_asked_for_by_the_objective(call, corpus):
    assert (
        call("--data.path", corpus, *TINY_PRETRAINING, "--model", "SentenceOrderPrediction").code
        == 0
    )


@pytest.mark.slow
def test_killed_and_resumed_it_is_the_same_run(corpus, folder, session_cache):
    words = ["--data.path", corpus, *TINY_PRETRAINING, "--model", "ReplacedTokenDetection"]
    words += ["--tracking.mode", "disabled", "--data.batch_size", "16"]

    def finish(output: str, *more: str) -> dict:
        process = running.start([*more, "--output", output], folder, session_cache, "pretrain")
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        (run,) = (folder / output / "pretrain").iterdir()
        return json.loads((run / "result.json").read_text())["metrics"]

    whole = finish("whole", *words)
    process = running.start(
        [*words, "--output", "cut", "--checkpoint_seconds", "0"], folder, session_cache, "pretrain"
    )
    deadline = time.monotonic() + 120
    while not list((folder / "cut").glob("pretrain/*/checkpoints/last.ckpt")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert not list((folder / "cut").glob("pretrain/*/result.json"))
    assert finish("cut", "--resume", "last") == whole


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--model MaskedML", "--model MaskedML: unknown class; did you mean MaskedLM?"),
        ("--model.size tny", "--model.size tny: neither tiny, mini, small, base nor a config"),
        ("--model.family brt", "--model.family brt: there are .*did you mean bert"),
        ("--model.probability 2", "--model.probability 2: must be a number"),
        ("--model.tokenizer x", "--model.tokenizer x: follows --data.tokenizer"),
        ("--data.path nowhere", "--data.path nowhere: there is no such folder: make a corpus"),
        ("--data.batch_size 5000", "--data.batch_size 5000: the corpus has [0-9]+ rows only"),
        ("--data.row_tokens 1", "--data.row_tokens 1: a row needs at least 2 tokens"),
        (
            "--model NextSentencePrediction --data.rows dense",
            "--data.rows dense: the objective needs --data.rows pairs",
        ),
        (
            "--model.backbone minilm",
            "--model.size tiny: has no effect with --model.backbone mini",
        ),
        ("--resume last", "--resume last: no unfinished run"),
    ],
)
def test_a_mistake_is_one_line(call, corpus, words, line):
    ended = call("--data.path", corpus, *TINY_PRETRAINING, *words.split())
    assert ended.code == 2, ended
    (said,) = ended.err.strip().splitlines()
    assert said.startswith("pretrain.py: error: ")
    import re

    assert re.match(line, said.removeprefix("pretrain.py: error: ")), said
    assert not ended.outputs.exists()


def test_a_backbone_has_the_tokenizer_of_the_corpus(call, corpus, bert):
    ended = call("--data.path", corpus, *GOING_ON, "--model.backbone", bert)
    assert ended.code == 2 and ended.err.count("\n") == 1 and not ended.outputs.exists()
    assert f"--model.backbone {bert}: the corpus was made with another tokenizer" in ended.err


def test_pairs_need_sentences(call, folder):
    corpus = stories.write(folder / "stories", ends=False)
    ended = call("--data.path", corpus, *TINY_PRETRAINING, "--model", "NextSentencePrediction")
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert f"--data.path {corpus}: no row has two sentences of which to make a pair" in ended.err


def test_a_tokenizer_without_a_mask_cannot_mask(call, corpus, llama, folder):
    (folder / "stories" / "tokenizer").rename(folder / "other")
    (folder / "stories" / "tokenizer").symlink_to(llama)
    ended = call("--data.path", corpus, *TINY_PRETRAINING)
    assert ended.code == 2
    assert ended.err == "pretrain.py: error: --model MaskedLM: the tokenizer has no mask_token\n"


def test_rows_longer_than_the_positions(call, folder, bert):
    import transformers

    corpus = stories.write(folder / "stories")
    tokenizer = transformers.AutoTokenizer.from_pretrained(f"{corpus}/tokenizer")
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=20,
    )
    transformers.BertModel(config).save_pretrained(folder / "small")
    tokenizer.save_pretrained(folder / "small")
    ended = call("--data.path", corpus, *GOING_ON, "--model.backbone", str(folder / "small"))
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert "a row has up to 27, and the network has 20 positions; 7 fewer fit" in ended.err
    ended = call(
        "--data.path", corpus, *TINY_PRETRAINING, "--model.size", str(folder / "small/config.json")
    )
    assert ended.code == 2 and "7 fewer fit" in ended.err, ended
