"""ZeroShot, and prompts of trained modules: scores, exports, and batches within their tokens."""

import pytest
import torch
import transformers

from callbacks import ThroughputMonitor
from modules import FullFineTuning, InContext, LoRA, PrefixTuning, PromptTuning, PTuning, ZeroShot
from modules.exporting import export
from modules.prompts import scoring
from modules.prompts.templates import Prompt
from tests import tiny
from tests.modules.prompting.questions import both, scores_of, task, validated


@both
def test_zero_shot_is_validated_and_nothing_trains(model, reviews):
    data = tiny.read(reviews, model, batch_tokens=60)
    module = ZeroShot(backbone=model, task=task())
    got, shown = scores_of(module, data)
    split = data.dataset.splits["validation"]
    prompts = [Prompt(f"{text}\nIt is") for text in split.texts]
    read = scoring.encode_causal if model.count("llama") else scoring.encode_cloze
    batch = scoring.collate(read(module.task.tokenizer, prompts, ["stupid", "clever"]), 0)
    with torch.no_grad():
        wanted = scoring.answer_log_likelihoods(module.model, batch)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)
    hits = (wanted.argmax(1) == torch.tensor(split.labels)).float().mean()
    assert shown["val/accuracy"] == pytest.approx(float(hits))
    assert not tiny.trained(module)


@pytest.mark.parametrize("strategy", [FullFineTuning, LoRA])
@both
def test_an_export_answers_as_the_module_did(model, strategy, reviews, tmp_path, monkeypatch):
    module = tiny.make(strategy, model, task=task(instruction="Say it"), learning_rate=1e-2)
    data = tiny.read(reviews, model, batch_size=8)
    tiny.fit(module, data, max_epochs=1)
    batch = module.task.prepare(tiny.batch_of(model, reviews), training=False)
    folder = export(module, tmp_path / "export")
    auto = module.task.auto_class
    if strategy is LoRA:
        import peft

        loaded = getattr(transformers, auto).from_pretrained(folder / "base")
        loaded = peft.PeftModel.from_pretrained(loaded, folder).eval()
    else:
        loaded = getattr(transformers, auto).from_pretrained(folder).eval()
    with torch.no_grad():
        got = scoring.answer_log_likelihoods(loaded, batch)
    torch.testing.assert_close(got, tiny.logits(module, batch), atol=1e-5, rtol=1e-5)
    said = (folder / "README.md").read_text()
    assert r"`'Say it\n\n{{ text }}\nIt is' -> stupid | clever`" in said
    if strategy is LoRA:  # the README's own lines, which run in the folder
        monkeypatch.chdir(folder)
        exec(said.split("```")[1].removeprefix("python"), made := {})
        with torch.no_grad():
            assert torch.equal(scoring.answer_log_likelihoods(made["model"].eval(), batch), got)


@pytest.mark.parametrize("strategy", [PromptTuning, PrefixTuning, PTuning, LoRA])
@both
def test_padding_and_neighbours_change_no_score(model, strategy, reviews):
    """Where a trained prompt stands before the rows, too, and words have several tokens."""
    words = {"negative": "a dull tale", "positive": "q"}
    module = tiny.make(strategy, model, task=task(verbalizer=words)).eval()
    rows = tiny.read(reviews, model)._rows["train"]
    together = module.task.prepare(rows.__getitems__([0, 1, 2, 3]), training=False)
    alone = [module.task.prepare(rows.__getitems__([row]), training=False) for row in range(4)]
    assert len({batch["input_ids"].shape for batch in alone}) > 1
    got = tiny.logits(module, together)
    wanted = torch.cat([tiny.logits(module, batch) for batch in alone])
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        bare = scoring.answer_log_likelihoods(module.task.build(model).eval(), together)
    assert torch.allclose(bare, got, atol=1e-5) == (strategy is LoRA)  # whose update is 0 at first


def test_a_budget_of_tokens_counts_those_of_the_prompt(llama, reviews):
    data = tiny.read(reviews, llama, batch_tokens=150)
    for module, shots in (
        (ZeroShot(backbone=llama, task=task(instruction="Say what it is, in a word")), 0),
        (InContext(backbone=llama, task=task(), shots=2), 2),
    ):
        module.task.max_prompt_tokens = 1000
        seen, step = [], module.task.prepare

        def watched(batch, training, leads, step=step, seen=seen):
            made = step(batch, training, leads)
            seen.append(tuple(made["input_ids"].shape))
            return made

        module.task.prepare = watched
        validated(module, data)
        assert sum(rows for rows, _ in seen) == 8
        assert all(rows * width <= 150 or rows == 1 for rows, width in seen), seen
        assert max(width for _, width in seen) > data.max_row_length() + shots * 5
        data.num_input_tokens = None


def test_tokens_are_those_of_the_prompts(llama, reviews):
    data, module, cost = (
        tiny.read(reviews, llama),
        ZeroShot(backbone=llama, task=task()),
        ThroughputMonitor(),
    )
    runs = tiny.trainer([cost])
    runs.test(module, data, verbose=False)
    runs.validate(module, data, verbose=False)
    texts = [text for s in ("test", "validation") for text in data.texts_of(s)["text"]]
    whole = sum(e.length for e in module.task.encode([{"text": text} for text in texts]))
    assert abs(cost.tokens - whole) <= len(texts)
    assert cost.seconds > 0
    assert cost.parameters["trainable"] == 0 < cost.parameters["total"]


def test_a_text_that_does_not_fit_loses_its_end_and_not_the_question(llama):
    asked = task()
    asked.build(llama)
    row = {"text": "the best film of the year " * 20}
    (found,) = asked.encode([row])
    assert asked.max_prompt_tokens - 3 <= found.length <= asked.max_prompt_tokens
    shown = asked.tokenizer.decode(found.rows[0])
    assert shown.startswith("the best film of")
    assert "\nIt is" in shown
    with pytest.raises(ValueError, match=r"^--model.task.template: the prompt without its texts"):
        asked.encode([row], ["the best film of the year " * 20])


def test_a_text_that_the_data_module_cuts_is_cut_in_the_prompt(llama, reviews):
    data = tiny.read(reviews, llama, max_length=3)
    batch = data._rows["train"].__getitems__([0, 1, 2])
    whole = data.dataset.splits["train"].texts
    for row, text in enumerate(batch["columns"]["text"]):
        assert whole[row].startswith(text)
        assert len(text) < len(whole[row])
        assert len(data._rows["train"].__getitems__([row])["input_ids"][0]) == 3
