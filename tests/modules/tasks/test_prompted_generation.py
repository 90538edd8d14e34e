"""Written answers to questions: losses are transformers', and no example is the row itself."""

import pytest
import torch

from modules import FullFineTuning, LoRA, PromptedGeneration, PromptTuning
from modules.inference import predict
from modules.tasks.written_answers import WrittenScore
from tests import asked, tiny

TEMPLATE = "{{ context }} {{ question }}"


@pytest.fixture
def data(llama, tmp_path):
    return asked.read(tmp_path / "data", llama)


def made(llama, data, strategy=FullFineTuning, **settings):
    task = PromptedGeneration(template=TEMPLATE, max_new_tokens=4, **settings)
    module = tiny.make(strategy, llama, task=task).eval()
    task.read_data(data)
    return module


@pytest.mark.parametrize("shots", [0, 2])
def test_loss_of_the_answer_is_that_of_transformers(llama, data, shots):
    module = made(llama, data, shots=shots)
    rows, tokenizer = data._rows["train"], module.task.encoding.tokenizer
    batch = module.task.prepare(rows.__getitems__([0, 1, 4]), True)
    loss = module.task.loss(tiny.logits(module, batch), batch)
    total, count = 0.0, 0
    for place in range(3):  # each alone, without padding, its prompt ignored
        row = module.task.encoding.of_texts(batch["columns"])[place]
        answer = (batch["columns"]["answers"][place] or ["unanswerable"])[0]
        prompt = module.task.encoding.before([row])[0] + f"{row['context']} {row['question']}"
        start = tokenizer(prompt)["input_ids"]
        end = tokenizer(f" {answer}", add_special_tokens=False)["input_ids"]
        ids = torch.tensor([[*start, *end, tokenizer.eos_token_id]])
        labels = ids.clone()
        labels[:, : len(start)] = -100
        with torch.no_grad():
            wanted = module.model(input_ids=ids, labels=labels).loss
        total, count = total + wanted * (len(end) + 1), count + len(end) + 1
    torch.testing.assert_close(loss, total / count)


def test_examples_are_training_questions_and_never_the_row_itself(llama, data):
    module = made(llama, data, shots=1, seed=1)
    encoding = module.task.encoding
    train = encoding.of_texts(data.texts_of("train"))
    known = {f"{row['context']} {row['question']}" for row in train}
    for row in train:
        shown = encoding.before([row])[0].split("\n\n")[:-1]
        assert len(shown) == 1
        assert all(any(text.startswith(one) for one in known) for text in shown)
        assert not any(text.startswith(f"{row['context']} {row['question']}") for text in shown)


def test_padding_moves_no_answer(llama, data):
    module = made(llama, data)
    rows = [{"question": "best", "context": one} for one in asked.CONTEXTS]
    pairs = [tuple(row.values()) for row in rows]
    together = predict(module, pairs).values
    assert together == [predict(module, [pair]).values[0] for pair in pairs]


def test_a_long_context_loses_its_end_and_the_question_stays(llama, data, capsys):
    module = made(llama, data)
    encoding = module.task.encoding
    encoding.most_tokens = encoding.overhead + 12
    row = {"question": "the film", "context": "a cold tale " * 40}
    (ids,), (cut,) = encoding.sources([row], room=4)
    text = encoding.tokenizer.decode(ids, skip_special_tokens=True)
    assert cut
    assert len(ids) <= encoding.most_tokens - 4
    assert text.endswith("the film")
    assert "cold" in text
    with pytest.raises(ValueError, match=r"^--model.task.template: .* leave no room for a context"):
        encoding.sources([{"question": "the film " * 40, "context": "a"}], room=4)
    encoding.most_tokens = encoding.overhead + 9
    module.task.read_data(data)
    told = capsys.readouterr().err
    assert "contexts of train are shortened from their ends" in told


def test_a_soft_prompt_trains_itself_alone(llama, data):
    module = made(llama, data, PromptTuning, shots=1)
    fixed, before = tiny.frozen(module), tiny.trained(module)
    tiny.fit(module.train(), data, max_epochs=1)
    assert all(torch.equal(value, fixed[name]) for name, value in tiny.frozen(module).items())
    assert any(not torch.equal(value, before[n]) for n, value in tiny.trained(module).items())
    assert all("prompt" in name for name in before)


def test_a_question_with_several_windows_is_asked_once(llama, tmp_path):
    rows = [
        {**row, "context": f"{row['context']} {'a dull film ' * 20}"}
        for row in (
            {"question": "best", "context": one, "answer": "film"} for one in asked.CONTEXTS
        )
    ]
    folder = asked.write(tmp_path / "long", rows)
    from datamodules import QuestionFiles

    data = QuestionFiles(str(folder), tokenizer=llama, max_length=24, batch_size=64)
    data.setup("fit")
    module = made(llama, data)
    windows = data._rows["train"]
    assert len(windows) > 2 * len(rows)
    batch = windows.__getitems__(list(range(len(windows))))
    ready = module.task.prepare(batch, False)
    assert len(ready["labels"]) == len(rows)
    later = module.task.prepare(windows.__getitems__([1]), False)
    assert module.task.num_targets(later) == 0
    assert module.task.loss(tiny.logits(module, later), later) == 0
    assert module.task.evaluation(module.model, later, "test")["outputs"] == []


def test_answers_are_scored_as_squad_scores_them():
    scores = {name: WrittenScore(name) for name in ("exact_match", "f1")}
    for metric in scores.values():
        metric.update(
            None,
            None,
            ["The film!", "a warm tale", "", "cold"],
            [["film", "tale"], ["warm"], [], []],
        )
    assert float(scores["exact_match"].compute()) == 0.5
    assert float(scores["f1"].compute()) == pytest.approx((1 + 2 / 3 + 1 + 0) / 4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"template": "{{ context }}"}, "--model.task.template: does not ask the"),
        ({"template": "{{ question }} {{ text }}"}, "--model.task.template: no column 'text'"),
        ({"template": "{{ question }} {{ mask }}."}, "--model.task.template: has text behind"),
    ],
)
def test_a_template_that_does_not_ask_is_refused(settings, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        PromptedGeneration(**settings)


def test_what_cannot_be_asked_is_refused(llama, bert, data):
    with pytest.raises(ValueError, match=r"^--model.task PromptedGeneration: .* is an encoder"):
        tiny.make(LoRA, bert, task=PromptedGeneration())
    with pytest.raises(ValueError, match=r"^--model.task PromptedGeneration: reads questions"):
        PromptedGeneration().check_columns(["text"])
    with pytest.raises(ValueError, match=r"^--model.task.max_new_tokens 99999: the backbone reads"):
        tiny.make(LoRA, llama, task=PromptedGeneration(max_new_tokens=99999))
    with pytest.raises(ValueError, match=r"^--model.task.shots 99: 16 different training"):
        made(llama, data, shots=99)
    module = tiny.make(FullFineTuning, llama, task=PromptedGeneration(shots=1))
    with pytest.raises(ValueError, match=r"^text 2 of 2: the question is empty"):
        predict(module, [("best", "a film"), (" ", "a film")])
    with pytest.raises(ValueError, match=r"^--model.task.shots 1: draws training questions"):
        predict(module, [("best", "a film")])
