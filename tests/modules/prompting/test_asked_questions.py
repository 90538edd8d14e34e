"""ZeroShot and InContext with questions: written answers, choices, and what a checkpoint keeps."""

import pytest
import torch

from modules import (
    FullFineTuning,
    InContext,
    LoRA,
    PromptedGeneration,
    PromptTuning,
    ZeroShot,
    generation,
)
from modules.inference import predict
from modules.prompts.prefix_cache import PrefixCache
from tests import asked, tiny

TEMPLATE = "{{ context }} {{ question }}"
CHOSEN = "{{ context }} {{ question }} {{ choices }}:"


def task(**settings) -> PromptedGeneration:
    return PromptedGeneration(**{"template": TEMPLATE, "max_new_tokens": 4, **settings})


@pytest.fixture
def data(llama, tmp_path):
    return asked.read(tmp_path / "data", llama)


@pytest.fixture
def choices(llama, tmp_path):
    return asked.read_choices(tmp_path / "choices", llama)


def attached(data, kind=InContext, **settings):
    module = kind(**settings)
    module.attach_datamodule(data)
    module.task.read_data(data)
    return module


def test_a_shared_beginning_changes_no_written_token(llama, data):
    module = attached(data, backbone=llama, task=task(), shots=2)
    encoding = module.task.encoding
    rows = encoding.of_texts(data.texts_of("validation"))
    ids, _ = encoding.sources(rows, room=8)
    assert len({len(row) for row in ids}) > 2
    cache = PrefixCache()
    told = {"max_new_tokens": 8, "batch_size": 5}
    got = generation.generate(module.model, encoding.tokenizer, ids, prefix_cache=cache, **told)
    assert cache.ids is not None
    assert got == generation.generate(module.model, encoding.tokenizer, ids, **told)
    assert got == [
        generation.generate(module.model, encoding.tokenizer, [row], 8)[0] for row in ids
    ]


def test_a_shared_beginning_changes_no_loss(llama, data):
    module = attached(data, backbone=llama, task=task(), shots=2)
    batch = data._rows["validation"].__getitems__([0, 3, 5, 6])
    ready = module.task.prepare(batch, False)
    with torch.no_grad():
        got = module.task.logits(module.model, ready)
        assert module.prefix_cache.ids is not None
        module.task.prefix_cache = None
        torch.testing.assert_close(got, module.task.logits(module.model, ready))


@pytest.mark.parametrize("selection", ["random", "balanced", "bm25", "embeddings"])
def test_examples_are_solved_training_questions(selection, llama, bert, data):
    module = attached(
        data, backbone=llama, task=task(), shots=2, selection=selection, embedder=bert
    )
    train = data.texts_of("train")
    columns = zip(train["pair"], train["text"], train["answers"], strict=True)
    known = {f"{c} {q} {(a or ['unanswerable'])[0]}" for c, q, a in columns}
    rows = module.task.encoding.of_texts(train)
    for row, before in zip(rows, module.task.encoding.before(rows), strict=True):
        shown = before.split("\n\n")[:-1]
        assert len(shown) == 2 == len({*shown})
        assert known.issuperset(shown)
        if selection in ("bm25", "embeddings"):
            assert not any(one.startswith(f"{row['context']} {row['question']} ") for one in shown)
    metrics = tiny.trainer([]).test(module, data, verbose=False)[0]
    assert {"test/exact_match", "test/f1", "test/loss"} <= metrics.keys()


def test_scores_of_choices_are_those_of_each_alone(llama, choices):
    module = attached(
        choices, backbone=llama, task=task(template=CHOSEN, answers="choices"), shots=1
    )
    encoding, tokenizer = module.task.encoding, module.task.encoding.tokenizer
    got = module(choices._rows["validation"].__getitems__(list(range(8))))
    rows = encoding.of_texts(choices.texts_of("validation"))[:8]
    assert {len(row["choices"]) for row in rows} == {2, 3}
    for place, row in enumerate(rows):
        text = encoding.before([row])[0]
        text += f"{row['context']} {row['question']} {', '.join(row['choices'])}:"
        start = tokenizer(text)["input_ids"]
        for number, choice in enumerate(row["choices"]):
            ids = torch.tensor([tokenizer(f"{text} {choice}")["input_ids"]])
            labels = ids.clone()
            labels[:, : len(start)] = -100
            with torch.no_grad():
                wanted = -module.model(input_ids=ids, labels=labels).loss
            torch.testing.assert_close(got[place, number], wanted, atol=1e-5, rtol=1e-5)
        assert (got[place, len(row["choices"]) :] < -1e30).all()
    shown = tiny.trainer([]).test(module, choices, verbose=False)[0]
    assert 0 <= shown["test/accuracy"] <= 1
    said = predict(module, rows[:3]).values
    for row, answer, scores in zip(rows, said, got, strict=False):
        chances = scores[: len(row["choices"])].softmax(0)
        assert answer["index"] == int(chances.argmax())
        torch.testing.assert_close(torch.tensor(answer["scores"]), chances)


def test_a_strategy_learns_to_choose(llama, choices):
    module = tiny.make(LoRA, llama, task=task(template=CHOSEN, answers="choices", shots=1))
    batch = choices._rows["train"].__getitems__(list(range(8)))
    module.task.read_data(choices)
    before = module.task.loss(
        tiny.logits(module, ready := module.task.prepare(batch, False)), ready
    )
    tiny.fit(module.train(), choices, max_epochs=3)
    ready = module.task.prepare(batch, False)
    assert module.task.loss(tiny.logits(module, ready), ready) < before
    assert module.trainer.callback_metrics["val/accuracy"] >= 0


def test_a_question_alone_is_asked_without_a_context(llama):
    module = ZeroShot(backbone=llama, task=PromptedGeneration(max_new_tokens=3))
    asked = ["the film", {"question": "the film"}, ("the film", "")]
    assert len({*predict(module, asked).values}) == 1
    assert module.task.encoding.prompt({"question": "a", "context": ""}).context == (
        "Question: a\nAnswer:"
    )


def test_calibration_divides_by_what_a_question_without_content_gets(llama, choices):
    made = {"backbone": llama, "task": task(template=CHOSEN, answers="choices"), "shots": 1}
    plain = attached(choices, **made)
    batch = choices._rows["validation"].__getitems__([0, 1])
    raw = plain(batch)
    calibrated = attached(choices, calibration="content_free", **made)(batch)
    rows = plain.task.encoding.of_texts(batch["columns"])
    for place, row in enumerate(rows):
        shares = []
        for text in ("N/A", "[MASK]", ""):
            columns = {"question": [text], "context": [text], "choices": [row["choices"]]}
            empty = {"columns": columns, "attention_mask": torch.ones(1, 1)}
            shares.append(plain(empty)[0].softmax(0))
        wanted = raw[place, : len(row["choices"])] - torch.stack(shares).mean(0).log()
        torch.testing.assert_close(calibrated[place, : len(wanted)], wanted)


@pytest.mark.parametrize("selection", ["random", "bm25"])
def test_a_checkpoint_keeps_the_examples(selection, llama, data, tmp_path):
    module = InContext(backbone=llama, task=task(), shots=2, selection=selection, seed=3)
    pairs = [("the film", "a warm film"), ("best", "a cold tale")]
    with pytest.raises(ValueError, match=r"^--model.shots 2: draws training rows: validate or"):
        predict(module, pairs)
    tiny.trainer([]).validate(module, data, verbose=False)
    wanted = module.task.encoding.before([{"question": q, "context": c} for q, c in pairs])
    said = predict(module, pairs).values
    module.trainer.save_checkpoint(tmp_path / "asked.ckpt", weights_only=True)
    again = InContext.load_from_checkpoint(tmp_path / "asked.ckpt", weights_only=True)
    assert again.task.encoding.before([{"question": q, "context": c} for q, c in pairs]) == wanted
    assert predict(again, pairs).values == said


def test_a_checkpoint_of_a_trained_module_keeps_the_examples(llama, data, tmp_path):
    module = tiny.make(FullFineTuning, llama, task=task(shots=1, seed=2))
    tiny.fit(module, data, max_epochs=1)
    module.trainer.save_checkpoint(tmp_path / "trained.ckpt", weights_only=True)
    again = FullFineTuning.load_from_checkpoint(tmp_path / "trained.ckpt", weights_only=True)
    assert again.task.encoding.solved == module.task.encoding.solved
    pairs = [("the film", "a warm film"), ("best", "a cold tale")]
    assert predict(again, pairs).values == predict(module.eval(), pairs).values


def test_tokens_of_a_soft_prompt_are_counted_where_a_context_is_cut(llama, data):
    module = tiny.make(PromptTuning, llama, task=task(), tokens=8).eval()
    assert module.task.encoding.most_tokens == 64 - 8
    (said,) = predict(module, [("the film", "a cold tale " * 40)]).values
    assert isinstance(said, str)
    with pytest.raises(ValueError, match=r"max_new_tokens 40: .* beside a soft prompt of 30, of"):
        tiny.make(PromptTuning, llama, task=task(max_new_tokens=40), tokens=30)


def test_what_cannot_be_shown_is_refused(llama, data, choices):
    ask = {"backbone": llama}
    for call, said in [
        (lambda: ZeroShot(task=task(shots=1), **ask), "--model.task.shots 1: .* ZeroShot takes"),
        (
            lambda: ZeroShot(task=task(), calibration="content_free", **ask),
            "--model.calibration content_free: answers in free words have no scores",
        ),
        (
            lambda: InContext(task=task(answers="choices"), calibration="texts", **ask),
            "--model.calibration texts: would score 128",
        ),
        (lambda: InContext(task=task(), order="grouped", **ask), "--model.order grouped: goes by"),
        (
            lambda: attached(data, task=task(), shots=17, **ask),
            "--model.shots 17: 16 training rows in",
        ),
        (
            lambda: attached(choices, ZeroShot, task=task(), **ask),
            "--model.task.answers words: the questions bring choices",
        ),
        (
            lambda: attached(data, ZeroShot, task=task(answers="choices"), **ask),
            "--model.task.answers choices: reads questions with choices",
        ),
        (lambda: task(template=CHOSEN), "--model.task.template: no column 'choices'"),
        (lambda: task(examples=[{"question": "a"}], shots=1), "--model.task.examples: example 1 h"),
        (
            lambda: task(examples=[{"question": "a", "answer": "b"}]),
            "--model.task.examples: 1 are given, of which --model.task.shots 0",
        ),
    ]:
        with pytest.raises(ValueError, match=f"^{said}") as stop:
            call()
        assert "\n" not in str(stop.value)


def test_a_question_that_does_not_fit_is_named_by_its_row(llama, tmp_path):
    rows = [*asked.questions(), {"question": "the film " * 60, "context": "a tale", "answer": "a"}]
    from datamodules import QuestionFiles

    folder = asked.write(tmp_path / "long", rows)
    data = QuestionFiles(str(folder), tokenizer=llama, batch_size=8)
    data.setup("fit")
    with pytest.raises(ValueError, match=r"dev.jsonl, row 17: --model.task.template: .* no room"):
        attached(data, ZeroShot, backbone=llama, task=task())
