"""ZeroShot and InContext: what is asked, calibration, batches, and what they refuse."""

import json
import math
import re

import pytest
import torch
import transformers

from callbacks import ThroughputMonitor
from modules import (
    FullFineTuning,
    InContext,
    LoRA,
    PrefixTuning,
    PromptedClassification,
    PromptTuning,
    PTuning,
    ZeroShot,
)
from modules.exporting import export
from modules.prompting import scoring
from modules.prompting.templates import Prompt
from tests import tiny

TEMPLATE = "{{ text }}\nIt is"
WORDS = {"negative": "stupid", "positive": "clever"}


def task(**settings) -> PromptedClassification:
    return PromptedClassification(**{"template": TEMPLATE, "verbalizer": WORDS, **settings})


@pytest.fixture(scope="module")
def cloze(bert, tmp_path_factory):
    """The tiny encoder with a head of its own to guess masks with."""
    folder = tmp_path_factory.mktemp("cloze")
    torch.manual_seed(2)
    transformers.AutoModelForMaskedLM.from_pretrained(bert).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(bert).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def model(request, llama, cloze):
    return {"llama": llama, "cloze": cloze}[request.param]


def validated(module, data):
    return tiny.trainer([]).validate(module, data, verbose=False)[0]


def scores_of(module, data, split: str = "validation"):
    """Logits of all rows, in their order, as the module gives them batch by batch."""
    seen, step = {}, module._step

    def watched(batch, stage):
        out = step(batch, stage)
        seen.update(zip(batch["index"].tolist(), out["logits"], strict=True))
        return out

    module._step = watched
    shown = validated(module, data)
    return torch.stack([seen[row] for row in sorted(seen)]), shown


both = pytest.mark.parametrize("model", ["llama", "cloze"], indirect=True)


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


@both
def test_contextual_calibration_divides_by_what_a_text_without_content_gets(model, reviews):
    data = tiny.read(reviews, model)
    plain, _ = scores_of(ZeroShot(backbone=model, task=task()), data)
    got, _ = scores_of(ZeroShot(backbone=model, task=task(), calibration="content_free"), data)
    module = ZeroShot(backbone=model, task=task())
    shares = []
    for text in ("N/A", "[MASK]", ""):
        batch = scoring.collate(module.task.encode([{"text": text}]), 0)
        with torch.no_grad():
            one = scoring.answer_log_likelihoods(module.model, batch)[0].tolist()
        total = sum(map(math.exp, one))
        shares.append([math.exp(value) / total for value in one])
    prior = [math.log(sum(column) / 3) for column in zip(*shares, strict=True)]
    torch.testing.assert_close(got, plain - torch.tensor(prior), atol=1e-5, rtol=1e-5)
    assert abs(prior[0] - prior[1]) > 1e-3


def test_calibration_is_behind_the_examples_of_each_row(llama, reviews):
    """Nearest examples are other ones for each text, and so is what a text without content gets."""
    data = tiny.read(reviews, llama)
    settings = {"backbone": llama, "shots": 1, "selection": "bm25"}
    module = InContext(task=task(), calibration="content_free", **settings)
    module.task.max_prompt_tokens = 1000
    got, _ = scores_of(module, data)
    plain = InContext(task=task(), **settings)
    plain.task.max_prompt_tokens = 1000
    raw, _ = scores_of(plain, data)
    index = torch.arange(len(got))
    leads = module.demonstration_prefixes({"index": index, "columns": data.texts_of("validation")})
    assert len(set(leads)) > 1
    assert set(leads) == set(module.priors)
    for row, lead in enumerate(leads):
        prompts = [Prompt(f"{lead}{text}\nIt is") for text in ("N/A", "[MASK]", "")]
        encoded = scoring.encode_causal(module.task.tokenizer, prompts, ["stupid", "clever"])
        with torch.no_grad():
            shares = scoring.answer_log_likelihoods(
                module.model, scoring.collate(encoded, 0)
            ).softmax(1)
        wanted = raw[row] - shares.mean(0).log()
        torch.testing.assert_close(got[row], wanted, atol=1e-5, rtol=1e-5)


def test_calibration_on_training_texts_reads_neither_labels_nor_other_splits(llama, reviews):
    data = tiny.read(reviews, llama)
    module = ZeroShot(backbone=llama, task=task(), calibration="texts")
    validated(module, data)
    (prior,) = module.priors.values()
    rows = [{"text": text} for text in data.dataset.splits["train"].texts]  # fewer than 128: all
    batch = scoring.collate(module.task.encode(rows), 0)
    with torch.no_grad():
        wanted = scoring.answer_log_likelihoods(module.model, batch).softmax(1).mean(0).log()
    torch.testing.assert_close(prior, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("strategy", [FullFineTuning, LoRA])
@both
def test_an_export_answers_as_the_module_did(model, strategy, reviews, tmp_path):
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
    if strategy is LoRA:  # the README's own lines
        exec(said.split("```")[1].removeprefix("python"), made := {})
        with torch.no_grad():
            assert torch.equal(scoring.answer_log_likelihoods(made["model"].eval(), batch), got)


def test_the_instruction_comes_once_and_first(llama, reviews):
    module = InContext(backbone=llama, task=task(instruction="Say what it is."), shots=2)
    module.task.max_prompt_tokens = 1000
    module.attach_datamodule(tiny.read(reviews, llama))
    (lead,) = module.demonstration_prefixes({"index": torch.tensor([0])})
    prompt = module.task.prompt({"text": "warm"}, lead)
    assert prompt.before.count("Say what it is.") == 1
    assert prompt.before.startswith("Say what it is.\n\n")
    assert prompt.before.endswith("\n\nwarm\nIt is")
    assert prompt.before.count("\nIt is") == 3


@pytest.mark.parametrize("selection", ["random", "balanced", "bm25", "embeddings"])
@both
def test_demonstrations_are_training_rows_with_their_own_labels(
    model, selection, reviews, bert, tmp_path
):
    """No validation row gets into a prompt, even where the nearest are looked for."""
    for split in ("train", "dev", "test"):
        rows = [json.loads(line) for line in (reviews / f"{split}.jsonl").read_text().splitlines()]
        for number, row in enumerate(rows):
            row["text"] += f" {split} {number}"
        lines = map(json.dumps, rows)
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines))
    data = tiny.read(tmp_path, model, max_length=24)
    module = InContext(backbone=model, task=task(), shots=2, selection=selection, embedder=bert)
    module.task.max_prompt_tokens, asked = 10_000, []

    def watched(batch, training, leads):
        rows = zip(batch["columns"]["text"], leads, strict=True)
        asked.extend(module.task.prompt({"text": text}, lead).before for text, lead in rows)
        return batch

    module.task.prepare = watched
    module._scores = lambda batch: torch.zeros(len(batch["index"]), 2)
    validated(module, data)
    split = data.dataset.splits["train"]
    known = {text.split(" train ")[1].split()[0]: n for n, text in enumerate(split.texts)}
    names = [WORDS["negative"], WORDS["positive"]]
    assert len(asked) == 8
    for prompt in asked:
        *solved, own = prompt.split("\n\n")
        assert len(solved) == 2
        assert " dev " in own
        for example in solved:
            text, answer = example.split("\nIt is ")
            assert " train " in text
            assert " dev " not in text
            assert " test " not in text
            row = known[text.split(" train ")[1]]
            assert answer == names[split.labels[row]]


def test_keys_and_values_of_the_examples_are_computed_once(llama, reviews):
    data = tiny.read(reviews, llama, batch_size=3)
    module = InContext(backbone=llama, task=task(), shots=2)
    module.task.max_prompt_tokens = 1000
    widths = []
    module.model.register_forward_pre_hook(
        lambda m, a, kw: widths.append(tuple(kw["input_ids"].shape)), with_kwargs=True
    )
    got, _ = scores_of(module, data)
    (prefix,) = [shape for shape in widths if shape[0] == 1 and shape[1] > 20]
    assert len(widths) == 4
    assert max(w for b, w in widths if b > 1) < prefix[1]
    anew = InContext(backbone=llama, task=task(), shots=2)
    anew.task.max_prompt_tokens, anew.prefix = 1000, None
    wanted, _ = scores_of(anew, data)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


def test_seeds_draw_other_examples_and_the_same_seed_the_same(llama, reviews):
    data = tiny.read(reviews, llama, max_length=10)
    chosen = []
    for seed in (0, 1, 0):
        module = InContext(backbone=llama, task=task(), shots=2, seed=seed)
        module.attach_datamodule(data)
        chosen.append(module.chosen)
    assert chosen[0] == chosen[2] != chosen[1]


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
