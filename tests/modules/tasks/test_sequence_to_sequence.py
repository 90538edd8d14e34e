"""Texts for texts: losses are transformers', scores sacrebleu's and rouge_score's."""

import random

import pytest
import torch
import transformers

from callbacks import WrittenTexts
from modules import (
    Adapter,
    FullFineTuning,
    LoRA,
    PromptTuning,
    SequenceToSequence,
    SpanCorruption,
    load,
)
from modules.exporting import export
from modules.tasks.text_scores import score
from tests import seq2seq, stories, tiny

WORDS = "the cat sat on a mat dog, runs fast! in green (park) 3.5 can't".split()
CHINESE = "猫坐在垫子上狗跑得很快。公园"
# Of sacrebleu 2.6.0 (tokenize 13a, or zh) and rouge_score 0.1.2 on the texts of ``drawn``.
RECORDED = {
    (1, False): (34.834647, 45.261515, 0.530733, 0.292328, 0.502760),
    (2, False): (17.492139, 44.589567, 0.783592, 0.223007, 0.392459),
    (3, True): (38.072761, 34.261463, None, None, None),  # rouge_score reads no Chinese
}


@pytest.fixture(scope="session")
def t5(tmp_path_factory) -> str:
    return seq2seq.t5(tmp_path_factory.mktemp("t5"))


@pytest.fixture(params=["t5", "llama"])
def writer(request) -> str:
    return request.getfixturevalue(request.param)


def drawn(seed: int, chinese: bool) -> tuple[list[str], list[str]]:
    draw, said, wanted = random.Random(seed), [], []
    pool, joint = (list(CHINESE), "") if chinese else (WORDS, " ")
    for _ in range(12):
        true = [draw.choice(pool) for _ in range(draw.randint(1, 14))]
        ours = [word if draw.random() < 0.75 else draw.choice(pool) for word in true]
        ours = ours[: draw.randint(1, len(ours))] if draw.random() < 0.3 else ours
        said.append(joint.join(ours))
        wanted.append(joint.join(true))
    return [" ".join(reversed(text.split())) for text in said] if seed == 2 else said, wanted


@pytest.mark.parametrize("case", RECORDED)
def test_scores_are_those_of_the_libraries(case):
    found = score(*drawn(*case))
    names = ("bleu", "chrf", "rouge1", "rouge2", "rougeL")
    for name, value in zip(names, RECORDED[case], strict=True):
        if value is not None:
            assert found[name] == pytest.approx(value, abs=2e-5), name
    assert not case[1] or found["rouge1"] > 0.5


def test_scores_of_texts_without_common_ngrams_are_those_of_sacrebleu():
    found = score(["the cat of dog house"], ["the dog of cat home is"])
    assert (found["bleu"], found["chrf"]) == pytest.approx((12.368465, 26.698184), abs=1e-5)
    assert score(["a b c"], ["a c b"])["chrf"] == pytest.approx(33.333333, abs=1e-5)
    assert set(score(["", ""], ["a b", "c"]).values()) == {0.0}


@pytest.mark.quick_if(lambda case: case["strategy"] is FullFineTuning)
@pytest.mark.parametrize("strategy", [FullFineTuning, LoRA])
def test_loss_of_the_target_is_that_of_transformers(strategy, writer, tmp_path):
    module = tiny.make(strategy, writer, task=SequenceToSequence()).eval()
    batch = seq2seq.read(tmp_path / "data", writer)._rows["train"].__getitems__([0, 1, 2])
    made = module.task.prepare(batch, True)
    loss = module.task.loss(tiny.logits(module, made), made)
    labels = made["labels"]
    if not module.model.config.is_encoder_decoder:
        labels = labels.roll(1, 1)  # transformers shifts them itself
    inputs = {name: made[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        wanted = module.model(**inputs, labels=labels).loss
    torch.testing.assert_close(loss, wanted)
    tokenizer = module.task.encoding.tokenizer
    told = [tokenizer.decode(row[row >= 0]).replace("</s>", "") for row in made["labels"]]
    assert [text.strip() for text in told] == [target for _, target in seq2seq.PAIRS]
    assert all((row[row >= 0][-1] == tokenizer.eos_token_id) for row in made["labels"])
    assert ((made["labels"] == tokenizer.eos_token_id).sum(1) == 1).all()


@pytest.mark.quick_if(lambda case: case["strategy"] is PromptTuning)
@pytest.mark.parametrize("strategy", tiny.STRATEGIES)
def test_every_strategy_writes_with_an_encoder_decoder_or_says_why_not(strategy, t5, tmp_path):
    refused = {"BitFit": "has no biases", "LinearProbe": "one vector", "PrefixTuning": "one text"}
    task = SequenceToSequence(max_new_tokens=4)
    if why := refused.get(strategy.__name__):
        with pytest.raises(ValueError, match=f"^--model {strategy.__name__}: .*{why}"):
            tiny.make(strategy, t5, task=task)
        return
    still = {"learning_rate": 1e-2, "schedule": "constant", "warmup_ratio": 0.0}
    module = tiny.make(strategy, t5, task=task, **still)
    data = seq2seq.read(tmp_path / "data", t5)
    batch = task.prepare(data._rows["train"].__getitems__([0, 1, 2]), False)
    before = task.loss(tiny.logits(module, batch), batch)
    tiny.fit(module.train(), data, max_epochs=2)
    assert task.loss(tiny.logits(module, batch), batch) < before
    texts = [source for source, _ in seq2seq.PAIRS]
    again = load(export(module.eval(), tmp_path / "export"))
    assert again.predict(texts) == module.predict(texts)
    assert again.predict(texts, batch_tokens=1) == module.predict(texts)


@pytest.mark.slow
def test_a_network_learns_to_write_and_its_texts_are_kept(writer, tmp_path):
    data = seq2seq.read(tmp_path / "data", writer)
    task = SequenceToSequence(max_new_tokens=8, written="all", num_beams=2)
    settings = {"learning_rate": 2e-2, "schedule": "constant", "task": task}
    module = tiny.make(FullFineTuning, writer, **settings)
    folder = {"default_root_dir": tmp_path}
    runs = tiny.fit(
        module, data, WrittenTexts(), max_epochs=30, check_val_every_n_epoch=30, **folder
    )
    assert runs.callback_metrics["val/chrf"] > 60
    (shown,) = runs.test(module, data, verbose=False)
    assert shown["test/rougeL"] > 0.6 and shown["baseline/nearest_chrf"] == pytest.approx(100)
    assert 0 < shown["baseline/copy_chrf"] < 99
    columns = runs.logger.tables["test/texts"]
    assert columns["columns"] == ["source", "reference", "output"] and len(columns["data"]) == 24
    assert (tmp_path / "outputs.jsonl").read_text().count("\n") == 24
    batches = runs.predict(module, data)
    assert [text for batch in batches for text in batch["prediction"]]


def test_a_network_pretrained_here_learns_where_a_text_ends(tmp_path):
    first = stories.make(SpanCorruption, stories.write(tmp_path / "corpus"))
    folder = str(export(first, tmp_path / "pretrained", {}))
    module = tiny.make(FullFineTuning, folder, task=SequenceToSequence(max_new_tokens=8))
    data = seq2seq.read(tmp_path / "data", folder)
    batch = module.task.prepare(data._rows["train"].__getitems__([0, 1]), True)
    end = module.task.encoding.tokenizer.eos_token_id
    assert [int(row[row >= 0][-1]) for row in batch["labels"]] == [end, end]
    sizes = batch["attention_mask"].sum(1) - 1
    assert batch["input_ids"].gather(1, sizes[:, None]).flatten().tolist() == [end, end]
    tiny.fit(module, data, max_epochs=1)
    exported = export(module.eval(), tmp_path / "export")
    assert load(exported).predict(["a warm film"]) == module.predict(["a warm film"])
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(exported)
    assert torch.equal(model.lm_head.weight, module.model.lm_head.weight)


def test_lora_leaves_the_output_layer_of_an_encoder_decoder_as_it_is(t5):
    """It stands beside encoder and decoder, and its matrix is the embeddings' own."""
    module = tiny.make(LoRA, t5, task=SequenceToSequence())
    assert module.trainable and not any("lm_head" in name for name in module.trainable)


def test_decoding_flags_reach_the_model(t5, monkeypatch):
    module = tiny.make(Adapter, t5, task=SequenceToSequence(num_beams=3, length_penalty=0.5))
    seen = {}
    monkeypatch.setattr("modules.generation.generate", lambda *a, **k: seen.update(k) or ["x"])
    assert module.predict(["a film"]) == ["x"]
    assert seen == {"num_beams": 3, "do_sample": False, "length_penalty": 0.5}
    module.task.decoding = module.task.decoding._replace(num_beams=1, temperature=0.7)
    module.predict(["a film"])
    assert seen["do_sample"] and seen["temperature"] == 0.7


def test_a_long_source_is_cut_and_a_target_is_not(llama):
    module = tiny.make(FullFineTuning, llama, task=SequenceToSequence(template="{{ source }} ="))
    long = {"source": ["a film " * 90], "target": ["warm tale"], "reference": ["warm tale"]}
    batch = {"attention_mask": torch.ones(1, 2), "index": torch.zeros(1), "columns": long}
    made = module.task.prepare(batch, True)
    assert made["input_ids"].shape[1] <= 64
    text = module.task.encoding.tokenizer.decode(made["input_ids"][0])
    assert text.endswith("= warm tale</s>") and text.startswith("a film a film")
    with pytest.raises(ValueError, match=r"^--model.task.max_new_tokens 64: .*at most \d+$"):
        module.task.encoding.sources(["a film"], room=64)
    with pytest.raises(ValueError, match="leaves .* too few"):
        long["target"] = ["warm tale " * 90]
        module.task.prepare(batch, True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"template": "Translate this"}, "names no column"),
        ({"template": "{{ source }}{{ mask }} end"}, "has text behind the answer"),
        ({"length_penalty": 2.0}, "--model.task.length_penalty 2: only beam search reads it"),
        ({"languages": "en"}, "--model.task.languages en: give two codes"),
    ],
)
def test_a_wrong_setting_is_one_line(settings, message):
    with pytest.raises(ValueError, match=message):
        SequenceToSequence(**settings)


def test_data_and_languages_that_do_not_fit_are_refused(t5, reviews):
    with pytest.raises(ValueError, match="t5 tokenizers have no languages"):
        tiny.make(FullFineTuning, t5, task=SequenceToSequence(languages="en_XX,fr_XX"))
    module = tiny.make(FullFineTuning, t5, task=SequenceToSequence())
    with pytest.raises(ValueError, match="needs pairs of a source and a target"):
        module.check_data(tiny.read(reviews, t5, labels="none"))
