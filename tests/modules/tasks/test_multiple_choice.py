"""Choices: the loss of transformers, the likelihood of a loop, and questions of unequal number."""

import pytest
import torch
import transformers

from datamodules.choices import encode_choices
from datamodules.packaged import load_tokenizer
from modules import FullFineTuning, LoRA, MultipleChoice, QuestionAnswering, load
from modules.exporting import export
from modules.tasks import choice_scores
from tests import asked, tiny

QUESTIONS = [
    ("the best film", ["warm", "a dull tale", "cold"]),
    ("a tale", ["best", "stupid film"]),
]


def test_the_loss_is_that_of_transformers(bert, tmp_path):
    module = tiny.make(FullFineTuning, bert, task=MultipleChoice()).eval()
    rows = asked.read_choices(tmp_path, bert)._rows["train"]
    batch = rows.__getitems__([1, 3, 5, 7])  # of three choices each, as the reference wants it
    model = transformers.BertForMultipleChoice.from_pretrained(bert)
    model.load_state_dict(module.model.state_dict())
    names = ("input_ids", "attention_mask", "token_type_ids")
    with torch.no_grad():
        found = model.eval()(
            **{name: batch[name].reshape(4, 3, -1) for name in names}, labels=batch["labels"]
        )
    ours = tiny.logits(module, batch)
    torch.testing.assert_close(ours, found.logits)
    torch.testing.assert_close(module.task.loss(ours, batch), found.loss)


def test_questions_of_unequal_number_give_what_each_gives_alone(backbone, tmp_path):
    module = tiny.make(FullFineTuning, backbone, task=MultipleChoice()).eval()
    rows = asked.read_choices(tmp_path, backbone)._rows["train"]
    together = rows.__getitems__([0, 1, 2, 3])
    assert together["choices"].tolist() == [2, 3, 2, 3]
    logits = tiny.logits(module, together)
    assert logits.shape == (4, 3)
    losses = []
    for number in range(4):
        alone = rows.__getitems__([number])
        count = int(alone["choices"])
        torch.testing.assert_close(tiny.logits(module, alone)[0], logits[number, :count])
        losses.append(module.task.loss(tiny.logits(module, alone), alone))
    torch.testing.assert_close(module.task.loss(logits, together), torch.stack(losses).mean())
    assert (logits.softmax(-1)[[0, 2], 2] == 0).all()


@torch.no_grad()
def test_the_likelihood_is_that_of_a_loop(llama, tmp_path):
    module = tiny.make(FullFineTuning, llama, task=MultipleChoice(scoring="likelihood")).eval()
    rows = asked.read_choices(tmp_path, llama)._rows["train"]
    batch = rows.__getitems__([0, 1, 2])
    tokenizer = load_tokenizer(llama)
    wanted = []
    columns = batch["columns"]
    for question, choices in zip(columns["text"], columns["choices"], strict=True):
        for choice in choices:
            before = tokenizer(f"{question}\n")["input_ids"]
            after = tokenizer(choice)["input_ids"]
            logits = module.model(torch.tensor([before + after])).logits[0].log_softmax(-1)
            each = [logits[len(before) + n - 1, token] for n, token in enumerate(after)]
            wanted.append(torch.stack(each).mean())
    scores = choice_scores.mean_log_likelihood(module.model, batch)
    torch.testing.assert_close(scores, torch.stack(wanted), atol=1e-5, rtol=1e-5)
    padded = choice_scores.by_question(scores, batch["choices"])
    assert torch.equal(padded[padded > -1e30], scores)


def test_likelihood_needs_a_decoder(bert):
    with pytest.raises(ValueError, match="scoring likelihood: .* is an encoder"):
        tiny.make(FullFineTuning, bert, task=MultipleChoice(scoring="likelihood"))
    with pytest.raises(ValueError, match="has no pooling and no dropout"):
        MultipleChoice(scoring="likelihood", pooling="mean")


def test_a_long_question_keeps_its_end_and_its_choice(backbone):
    tokenizer = load_tokenizer(backbone)
    found = encode_choices(tokenizer, ["warm film " * 60 + "best"], [["a tale", "cold"]], 40)
    assert found.cut == [True, True]
    for ids, mask, choice in zip(found.ids, found.masks, ("a tale", "cold"), strict=True):
        assert len(ids) == len(mask) <= 40
        held = tokenizer.decode([token for token, own in zip(ids, mask, strict=True) if own])
        assert held.strip() == choice
        asked_ = [token for token, own in zip(ids, mask, strict=True) if not own]
        assert tokenizer.decode(asked_, skip_special_tokens=True).strip().endswith("best")


@pytest.mark.parametrize("scoring", ["head", "likelihood"])
def test_it_learns_and_its_export_chooses(scoring, llama, tmp_path):
    data = asked.read_choices(tmp_path / "data", llama)
    task = MultipleChoice(scoring=scoring)
    module = tiny.make(LoRA, llama, task=task, learning_rate=1e-2, schedule="constant")
    tiny.fit(module.train(), data, max_epochs=2)
    again = load(export(module, tmp_path / "export"))
    assert again.task.scoring == scoring
    said = again.predict(QUESTIONS)
    assert said == module.eval().predict(QUESTIONS)
    for one, (_, choices) in zip(said, QUESTIONS, strict=True):
        assert one["answer"] == choices[one["index"]]
        assert len(one["scores"]) == len(choices)
        assert sum(one["scores"]) == pytest.approx(1.0)
        assert one["score"] == max(one["scores"])
    alone = again.predict(QUESTIONS, batch_tokens=1)
    assert [one["index"] for one in alone] == [one["index"] for one in said]
    row = {"context": "the best", "question": "film", "choices": QUESTIONS[0][1]}
    assert again.predict([row]) == again.predict(QUESTIONS[:1])
    for bad in ("a text", ("a", ["one"]), ("a", "warm"), ("", ["a", "b"])):
        with pytest.raises(ValueError, match="text 1 of 1"):
            again.predict([bad])


def predicted(module, data) -> dict:
    """What the trainer predicts, by the rows of the split."""
    found = tiny.trainer([]).predict(module, data)
    return {
        int(n): p for one in found for n, p in zip(one["index"], one["prediction"], strict=True)
    }


def test_the_trainer_predicts_batches_of_the_data(bert, tmp_path):
    data = asked.read_choices(tmp_path / "choices", bert)
    module = tiny.make(FullFineTuning, bert, task=MultipleChoice())
    said = predicted(module, data)
    part = data.dataset.splits["validation"]
    wanted = module.predict(list(zip(part.questions, part.choices, strict=True)))
    assert [said[row] for row in range(len(part))] == [one["index"] for one in wanted]
    questions = asked.read(tmp_path / "questions", bert)
    module = tiny.make(FullFineTuning, bert, task=QuestionAnswering())
    said = predicted(module, questions)
    part = questions.dataset.splits["validation"]
    wanted = module.predict(list(zip(part.questions, part.contexts, strict=True)))
    assert [said[row]["answer"] for row in range(len(part))] == [one["answer"] for one in wanted]
