"""Embeddings that begin from the corpus's counts: their closed form, and when they are set."""

import numpy as np
import pytest
import torch
from scipy import sparse

from modules import MaskedLM, ReplacedTokenDetection
from modules.pretraining.cooccurrence import embeddings
from tests import stories, tiny


def fit(module, data):
    tiny.fit(module, data, max_epochs=1, limit_train_batches=1, limit_val_batches=0)
    return module


def table(module) -> torch.Tensor:
    return module.model.get_input_embeddings().weight.detach().clone()


def still(path: str, objective=MaskedLM, **settings):
    """A module whose steps change nothing that could be seen."""
    return stories.make(objective, path, learning_rate=1e-30, **settings)


def test_they_factorise_the_pointwise_mutual_information():
    draw = np.random.default_rng(0)
    counts = draw.poisson(2.0, (30, 30)).astype(np.float32)
    counts += counts.T
    counts[7] = counts[:, 7] = 0  # a token that never occurs
    often = counts.sum(1)
    context = often**0.75 / (often**0.75).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(counts / (often[:, None] * context))
    information = np.where(counts > 0, np.maximum(information, 0), 0)
    rows, values, _ = np.linalg.svd(information)
    for width in (14, 64):
        found = embeddings(sparse.csr_array(counts), width)
        wanted = torch.from_numpy((rows * np.sqrt(values))[:, :width])
        wanted[7] = 0
        wanted *= 0.1 / wanted[torch.arange(30) != 7].std()
        assert found.shape == (30, min(width, 30)) and not found[7].any()
        # Signs are free, and products of rows are not.
        torch.testing.assert_close(found @ found.T, wanted @ wanted.T, atol=1e-5, rtol=1e-3)


def test_the_corpus_sets_those_of_its_tokens(path):
    module, data = still(path, cooccurrence=True), stories.corpus(path, MaskedLM)
    drawn = table(module)
    random = torch.random.get_rng_state()
    wanted = embeddings(data.cooccurrences(), drawn.shape[1])
    assert torch.equal(random, torch.random.get_rng_state())
    found, occurs = table(fit(module, data)), wanted.abs().sum(1) > 0
    torch.testing.assert_close(found[: len(wanted)][occurs], wanted[occurs])
    never = torch.ones(len(found), dtype=torch.bool)
    never[: len(wanted)][occurs] = False
    assert never[module.tokenizer.mask_token_id] and torch.equal(found[never], drawn[never])
    assert torch.equal(table(fit(still(path), data)), drawn)


def test_weights_that_were_loaded_or_trained_stay(path):
    data, once = stories.corpus(path, MaskedLM), still(path, cooccurrence=True)
    other = still(path, seed=1)
    once.load_state_dict(other.state_dict())
    torch.testing.assert_close(table(fit(once, data)), table(other))
    trained = fit(still(path, cooccurrence=True), data)
    with torch.no_grad():
        trained.model.get_input_embeddings().weight.mul_(2)
    before = table(trained)
    torch.testing.assert_close(table(fit(trained, data)), before)


def test_a_discriminator_reads_its_generators(path):
    module = still(path, ReplacedTokenDetection, cooccurrence=True)
    data = stories.corpus(path, ReplacedTokenDetection)
    fit(module, data)
    ids = torch.arange(20, 60)
    read = module.model.get_input_embeddings()(ids)
    torch.testing.assert_close(read, module.generator.get_input_embeddings()(ids))


def test_rows_of_no_corpus_and_other_weights_are_refused(path, tmp_path):
    module, data = still(path, cooccurrence=True), stories.corpus(path, MaskedLM)
    with pytest.raises(ValueError, match="counts the tokens of a Corpus, not of a loader"):
        fit(module, data.train_dataloader())
    module.export_model().save_pretrained(tmp_path)
    module.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="has embeddings"):
        MaskedLM(backbone=str(tmp_path), cooccurrence=True)
