"""Calibration against its definition."""

import math

import torch

from modules import InContext, ZeroShot
from modules.prompts import scoring
from modules.prompts.templates import Prompt
from tests import tiny
from tests.modules.prompting.questions import both, scores_of, task, validated


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
