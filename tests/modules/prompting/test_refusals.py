"""A prompt, verbalizer or model that cannot be used is refused in one line."""

import re

import pytest
import transformers

from modules import InContext, PromptedClassification, ZeroShot
from tests import tiny
from tests.modules.prompting.questions import task


def refusals(llama, bert, cloze):
    ask = {"backbone": llama}
    return [
        (lambda: PromptedClassification(template="sentimnt"), "neither Jinja with a column"),
        (lambda: task(labels=["a", "b"]), "no word for the label 'a'"),
        (lambda: task(verbalizer={"a": "x", "b": "x"}), "--model.task.verbalizer.b x: is the word"),
        (lambda: task(instruction="a film " * 40).build(llama), "leaves no room for a text"),
        (lambda: ZeroShot(backbone=bert, task=task()), "has no trained language model head"),
        (
            lambda: ZeroShot(
                backbone=cloze, task=task(verbalizer={"negative": "bad", "positive": "Ω"})
            ),
            "has no tokens for it",
        ),
        (
            lambda: ZeroShot(
                backbone=cloze, task=task(verbalizer={"negative": "warm", "positive": "Warm"})
            ),
            "the same tokens as 'warm'",
        ),
        (
            lambda: InContext(selection="bm25", calibration="texts", task=task(), **ask),
            "--model.calibration texts: would score 128",
        ),
    ]


@pytest.mark.parametrize("number", range(8))
def test_what_cannot_be_asked_is_one_line(number, llama, bert, cloze):
    call, said = refusals(llama, bert, cloze)[number]
    with pytest.raises(ValueError, match=re.escape(said)) as stop:
        call()
    line = str(stop.value)
    assert line.startswith("--model.")
    assert "\n" not in line, line


def test_more_shots_than_fit_say_how_many_do(llama, reviews):
    data = tiny.read(reviews, llama)
    module = InContext(backbone=llama, task=task(), shots=20)
    with pytest.raises(
        ValueError, match=r"^--model.shots 20: (\d+) fit into the 64 tokens"
    ) as stop:
        module.attach_datamodule(data)
    fit = int(str(stop.value).split()[2])
    if fit:
        InContext(backbone=llama, task=task(), shots=fit).attach_datamodule(data)
    with pytest.raises(ValueError, match=f"shots {fit + 1}: {fit} fit"):
        InContext(backbone=llama, task=task(), shots=fit + 1).attach_datamodule(data)
    with pytest.raises(ValueError, match=r"--model.shots 25: 24 training rows"):
        InContext(backbone=llama, task=task(), shots=25).attach_datamodule(data)


def test_an_encoder_without_a_mask_token_is_refused(cloze, tmp_path):
    import shutil

    shutil.copytree(cloze, tmp_path / "unmasked")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "unmasked")
    tokenizer.mask_token = None
    tokenizer.save_pretrained(tmp_path / "unmasked")
    with pytest.raises(ValueError, match=r"has no mask token$"):
        ZeroShot(backbone=str(tmp_path / "unmasked"), task=task())
