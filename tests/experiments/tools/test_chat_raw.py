"""chat.py --raw, its texts of several lines, and which run is the last that can answer."""

import json
import shutil
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

import modules
from experiments.common.runs import record_start
from experiments.tools import chat, chat_input, chat_model
from modules import generation
from modules.exporting import export
from tests import tiny

FEW_SHOT = "dull film: bad\n\nwarm tale: good\n\nclever film:"


@pytest.fixture
def say(piped, monkeypatch):
    """Call chat.py in this process: exit code, answers, errors."""
    monkeypatch.setattr(chat_model, "native_bf16", lambda: False)
    return partial(piped, chat)


def greedy(place, ids, tokens: int) -> str:
    """The likeliest token after the ids, again and again."""
    model, tokenizer = (c.from_pretrained(place) for c in (AutoModelForCausalLM, AutoTokenizer))
    made = list(ids)
    with torch.inference_mode():
        for _ in range(tokens):
            made.append(int(model(input_ids=torch.tensor([made])).logits[0, -1].argmax()))
            if made[-1] == tokenizer.eos_token_id:
                break
    return tokenizer.decode(made[len(ids) :], skip_special_tokens=True)


def test_raw_goes_on_after_a_text_of_several_lines(llama, say, folder):
    """Also a network that has no chat template, as pre-training makes."""
    wanted = greedy(llama, AutoTokenizer.from_pretrained(llama)(FEW_SHOT)["input_ids"], 8)
    words = [llama, "--raw", "--temperature", "0", "--max_new_tokens", "8"]
    ended = say(*words, lines=FEW_SHOT + "\n")
    assert (ended.code, ended.out, ended.err) == (0, wanted + "\n", "")
    (folder / "few.txt").write_text(FEW_SHOT + "\n")
    assert say(*words, "--prompt", "few.txt").out == ended.out
    assert (
        say(*words, lines=FEW_SHOT + "\n\n").out != ended.out
    )  # only one line break is the file's


def test_a_tokenizer_that_ends_texts_does_not_end_a_raw_one(bert, folder):
    tokenizer = AutoTokenizer.from_pretrained(bert)
    tokenizer.eos_token = tokenizer.sep_token
    model = LlamaForCausalLM(LlamaConfig(vocab_size=8, hidden_size=8, num_attention_heads=2))
    ids = chat_model.ChatModel("", model, tokenizer, 64).raw_ids("a warm film")
    assert tokenizer.convert_ids_to_tokens(ids) == ["[CLS]", "a", "warm", "film"]


def test_greedy_answers_obey_no_generation_config(speaker, say):
    """Not a penalty, a ban, a shortest length or several beams that the model's folder asks for."""
    words = [speaker, "--temperature", "0", "--max_new_tokens", "30"]
    plain = say(*words, lines="Say 3.\n")
    model = AutoModelForCausalLM.from_pretrained(speaker)
    asked = {"repetition_penalty": 1.9, "no_repeat_ngram_size": 2, "min_new_tokens": 25}
    asked |= {"suppress_tokens": [9, 70], "num_beams": 3, "do_sample": True, "temperature": 3.0}
    model.generation_config.update(**asked)
    model.generation_config.save_pretrained(speaker)
    ended = say(*words, lines="Say 3.\n")
    assert ended.out == plain.out and plain.err == ""
    assert ended.err.startswith("note   its generation config is not used: do_sample True, min_")
    assert "repetition_penalty 1.9" in ended.err
    ids = [[7, 60, 61]]
    tokenizer = AutoTokenizer.from_pretrained(speaker)
    fresh = generation.generate(model, tokenizer, ids, 12)
    assert fresh == [greedy(speaker, ids[0], 12).strip()]
    assert model.generation_config.repetition_penalty == 1.9  # an export keeps it


def test_flags_of_sampling(speaker, say):
    words = [speaker, "--max_new_tokens", "20", "--temperature", "1.5"]
    first = say(*words, lines="a\n")
    assert first.out != say(*words, "--top_p", "0.01", lines="a\n").out
    assert (
        say(*words, "--top_p", "1e-9", lines="a\n").out == say(*words[:-1], "0", lines="a\n").out
    )  # of one token
    ended = say(*words[:-1], "0", "--seed", "2", lines="a\n")
    assert ended.err == "note   --seed has no effect with --temperature 0\n"


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ("one\n\ntwo\n", ["one", "two"]),
        ('"""\na\n\nb\n"""\nc\n', ["a\n\nb", "c"]),
        ('"""a\nb"""\n"""c"""\r\n', ["a\nb", "c"]),
        ('say """ and \'\n"""\n  indented\n"""', ['say """ and \'', "  indented"]),
    ],
)
def test_questions_of_several_lines(lines, wanted, tmp_path, monkeypatch):
    (tmp_path / "in").write_text(lines)
    with (tmp_path / "in").open() as stream:
        assert list(chat_input.from_pipe(stream, raw=False)) == wanted
    typed = iter(lines.splitlines())

    def type_line(lead: str) -> str:
        for line in typed:
            return line
        raise EOFError

    monkeypatch.setattr("builtins.input", type_line)
    assert list(chat_input.from_terminal(chat_input.Stop())) == wanted


@pytest.mark.parametrize(
    ("words", "lines", "said"),
    [
        ("--raw --system x", "a", "--system: belongs to a chat, and --raw goes on after a text"),
        ("--raw --template plain", "a", "--template: belongs to a chat, and --raw goes on after"),
        ("--top_p 0", "a", "--top_p 0.0: above 0, and at most 1"),
        ("--temperature nan", "a", "--temperature nan: at least 0"),
        ("--prompt nowhere", "", "--prompt nowhere: cannot be read (No such file or directory)"),
        ("--prompt .", "", "--prompt .: cannot be read (Is a directory)"),
        ("--prompt empty", "", "--prompt empty: is empty"),
        ("--prompt latin", "", "--prompt latin: is not text in UTF-8 (unexpected end of data)"),
        ("", "\n \n", "standard input: has no text"),
        ("--raw", "", "standard input: has no text"),
        ("", '"""\nnever ended\n', 'standard input: a """ has no """ that ends it'),
    ],
)
def test_a_mistake_is_one_line(words, lines, said, say, llama, folder):
    (folder / "empty").write_text(" \n")
    (folder / "latin").write_bytes("café".encode("latin-1"))
    template = [] if "--raw" in words or "--template" in words else ["--template", "plain"]
    ended = say(llama, *words.split(), *template, lines=lines)
    assert ended.code == 2 and ended.out == "" and said in ended.err, ended
    assert ended.err.count("\n") == 1


def test_the_last_run_that_can_answer(speaker, bert, llama, folder, say):
    """Newer runs that cannot are passed over, each with its reason."""

    def run(name: str, source: str | Path | None = None) -> Path:
        made = folder / "outputs" / "any" / name
        made.mkdir(parents=True)
        if source:
            shutil.copytree(source, made / "export")
        record_start(made)
        time.sleep(0.005)
        return made

    classifier = export(tiny.make(modules.LoRA, bert), folder / "classifier")
    chat_task = modules.InstructionFollowing()
    adapter = export(tiny.make(modules.LoRA, speaker, task=chat_task), folder / "adapter")
    masked = modules.LanguageModeling()
    own = export(tiny.make(modules.Adapter, bert, task=masked), folder / "own")
    for name, source in {"a": adapter, "b": llama, "c": own, "d": classifier, "e": bert}.items():
        run(name, source)
    run("f")
    (run("g", speaker) / "export" / "config.json").write_text('{"architectures": ["Lla')
    ended = say("last", "--max_new_tokens", "2", lines="a\n")
    assert ended.code == 0 and ended.out, ended
    assert ended.err.splitlines() == [
        "last: passed over g has an export that is not whole",
        "last: passed over f has no export",
        "last: passed over e has a BertModel",
        "last: passed over d has a model for Classification",
        "last: passed over c has a BertModel",
        "last: passed over and 1 more",
    ]
    ended = say("last", "--raw", "--max_new_tokens", "2", lines="a\n")  # b needs no template
    assert ended.code == 0 and ended.err.count("passed over") == 5, ended
    ended = say("g", lines="a\n")
    assert ended.code == 2 and "outputs/any/g/export: cannot be read (" in ended.err
    assert "it may be half written; export it again" in ended.err and ended.err.count("\n") == 1
    held = json.loads((adapter / "adapter_config.json").read_text())
    assert held["task_type"] == "CAUSAL_LM"
