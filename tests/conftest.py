"""Tiny backbones and data, made in a second and shared by every test; no network, no account."""

import gc
import os
import signal

# Read once, when the libraries are imported, here and in the processes that tests start. One thread
# is faster for matrices of 16 columns; processes of several threads each wait for one another.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("WANDB_MODE", "offline")

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import tokenizers
import torch
import transformers

from tests import browser as browsers

GOOD = ("a gripping film", "warm and clever", "the best film of the year", "clever", "a warm tale")
BAD = ("a dull film", "cold and stupid", "the worst film of the year", "stupid", "a cold tale")
WORDS = sorted({word for text in GOOD + BAD for word in text.split()} | {"negative", "positive"})
SIZES = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,  # wide, so that different texts get different logits
}


# Files that take longest. They begin first, so that at the end no process waits for one of them.
LONG = """experiments/runner/test_two_processes experiments/runner/test_everything_of_lightning
    experiments/runner/test_signals test_docs experiments/tools/test_ticket_story
    experiments/runner/test_interruption modules/test_export_travels experiments/test_shipped
    experiments/tools/test_prepare_corpus_executors experiments/tools/test_prepare_corpus_stops
    experiments/tools/test_ablate experiments/tools/test_sync experiments/test_instruction_tuning
    experiments/studies/test_measure experiments/studies/test_pretraining modules/test_merging
    experiments/studies/test_comparison modules/tasks/test_contract""".split()


VARIABLES = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep xdist from an order of its own, by the number of tests in a file."""
    config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first. What ``quick_if`` does not choose is slow; a slow test may take longer."""
    places = {Path(__file__).parent / f"{name}.py": n for n, name in enumerate(LONG)}
    if gone := [str(path) for path in places if not path.is_file()]:
        raise pytest.UsageError(f"LONG in tests/conftest.py: {', '.join(gone)}: no such file")
    items.sort(key=lambda item: places.get(item.path, len(LONG)))
    for item in items:
        if (mark := item.get_closest_marker("quick_if")) and not mark.args[0](item.callspec.params):
            item.add_marker("slow")
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the garbage collector pass over all that was imported, which no test gives back.

    Lightning and transformers collect several times in each run.
    """
    session.config.stash[VARIABLES] = dict(os.environ)  # all modules are imported, and no test ran
    gc.collect()
    gc.freeze()


ORDINARY_CACHE = os.environ.get("PRETUNE_CACHE")


def set_variables(wanted: dict[str, str]) -> None:
    """Make the environment this one; pytest keeps a variable of its own."""
    current = {k: v for k, v in os.environ.items() if k == "PYTEST_CURRENT_TEST"}
    os.environ.clear()
    os.environ.update(wanted | current)


@pytest.fixture(autouse=True)
def variables() -> Iterator[None]:
    """A program that was run inside an earlier test may have set variables for all."""
    before = dict(os.environ)
    yield
    set_variables(before)


@pytest.fixture(scope="module", autouse=True)
def variables_of_a_module(request) -> Iterator[None]:
    """A fixture of a whole file or session may have set some, which each test then begins with."""
    yield
    set_variables(request.config.stash[VARIABLES])


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(request, monkeypatch, session_cache) -> None:
    """Slow tests use the ordinary cache, so that what they download is downloaded once."""
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setenv("PRETUNE_CACHE", str(session_cache))
    elif ORDINARY_CACHE is None:  # a study in an earlier test has set another
        monkeypatch.delenv("PRETUNE_CACHE", raising=False)
    else:
        monkeypatch.setenv("PRETUNE_CACHE", ORDINARY_CACHE)


ORDINARY_HANDLERS = {
    number: signal.getsignal(number)
    for number in map(signal.Signals.__getitem__, "SIGINT SIGTERM SIGHUP SIGUSR1 SIGUSR2".split())
}


@pytest.fixture(autouse=True)
def signals() -> None:
    """A program that was run inside an earlier test, or for several, may have left its handlers."""
    for number, handler in ORDINARY_HANDLERS.items():
        signal.signal(number, handler)


def save_wordpiece(folder: Path, words: list[str]) -> None:
    """A BERT tokenizer of whole words and letters."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    entries = [*special, *words, *letters, *(f"##{letter}" for letter in letters)]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(entries))}
    model = tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    names = {f"{token[1:-1].lower()}_token": token for token in special}
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **names,
    ).save_pretrained(folder)


def save_byte_pairs(folder: Path) -> None:
    """A decoder's tokenizer: bytes and a few merges, no padding token."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["</s>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(GOOD + BAD, trainer)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="</s>",
        model_max_length=64,
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)


@pytest.fixture(scope="session")
def bert(tmp_path_factory) -> str:
    """A BERT of two layers with random weights and dropout on, as a folder."""
    folder = tmp_path_factory.mktemp("bert")
    save_wordpiece(folder, WORDS)
    size = len(transformers.AutoTokenizer.from_pretrained(folder))
    torch.manual_seed(1)
    transformers.BertModel(transformers.BertConfig(vocab_size=size, **SIZES)).save_pretrained(
        folder
    )
    return str(folder)


@pytest.fixture(scope="session")
def llama(tmp_path_factory) -> str:
    """A Llama of two layers with random weights and dropout on, as a folder."""
    folder = tmp_path_factory.mktemp("llama")
    save_byte_pairs(folder)
    size = len(transformers.AutoTokenizer.from_pretrained(folder))
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=size,
        num_key_value_heads=1,
        attention_dropout=0.1,
        bos_token_id=None,
        eos_token_id=0,
        **SIZES,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, if this machine has one."""
    program = browsers.find()
    if program is None:
        pytest.skip(browsers.MISSING)
    with browsers.Browser(program) as running:
        yield running


@pytest.fixture(params=["bert", "llama"])
def backbone(request) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def reviews(tmp_path_factory) -> Path:
    """A folder of train, dev and test files: 24, 8 and 8 rows of text, pair and named label."""
    folder = tmp_path_factory.mktemp("reviews")
    pool = [
        {"text": f"{text} {other}", "pair": other, "label": label}
        for label, texts in (("positive", GOOD), ("negative", BAD))
        for text, other in itertools.permutations(texts, 2)
    ]
    rows = [pool[number * 7 % len(pool)] for number in range(len(pool))]  # labels mixed
    for split, part in {"train": rows[:24], "dev": rows[24:32], "test": rows[32:40]}.items():
        lines = (json.dumps(row) + "\n" for row in part)
        (folder / f"{split}.jsonl").write_text("".join(lines))
    return folder


@pytest.fixture(autouse=True)
def flags_in_messages(monkeypatch) -> None:
    """Messages name flags, as on a command line; tests/modules/test_from_python.py has the rest."""
    monkeypatch.setattr("datamodules.argument_names._command_line", True)
