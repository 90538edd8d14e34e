"""A corpus of any tokenizer pre-trains an objective, or is refused in one line."""

import pytest

from datamodules.pipeline import tokenizing
from modules import CausalLM, MaskedLM
from modules.pretraining import architectures
from tests.tiny import registered

TEXTS = ["the best of things are here to be seen by all the people of the town, " * 3] * 50


@pytest.mark.parametrize("family", ["modernbert-decoder", "gpt2", "llama"])
def test_causal_lm_with_the_tokenizer_of_an_encoder(bert, family):
    """BERT's [CLS] begins and its [SEP] ends a document, as they do in its corpora."""
    config = CausalLM(tokenizer=bert, size="tiny", row_tokens=16, family=family).model.config
    assert (config.bos_token_id, config.eos_token_id) == (2, 3)


def test_decoder_tokenizer_in_an_encoder_family(llama):
    config = CausalLM(tokenizer=llama, size="tiny", row_tokens=16).model.config
    assert config.eos_token_id == config.sep_token_id == 0


def test_family_that_does_not_fit(bert):
    with pytest.raises(
        ValueError, match="--model.family bert: its attention sees the later tokens"
    ):
        CausalLM(tokenizer=bert, size="tiny", row_tokens=16, family="bert")
    with pytest.raises(ValueError, match="--model.family gpt2: transformers has no AutoModelForM"):
        MaskedLM(tokenizer=bert, size="tiny", row_tokens=16, family="gpt2")


KINDS = ["bert", "llama", "bpe", "wordpiece", "unigram"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_objective_with_every_tokenizer_and_family(kind, tmp_path, request):
    """Each two of the three meet: a tokenizer has a third of the objectives in each family."""
    from modules.pretraining.base import PretrainingModule

    if kind in ("bert", "llama"):
        folder = request.getfixturevalue(kind)
    else:
        folder = str(tmp_path)
        tokenizing.train(kind, iter(TEXTS), 300).save_pretrained(folder)
    built = set()
    for place, (name, objective) in enumerate(registered(PretrainingModule).items()):
        for turn, family in enumerate((None, *architectures._FAMILIES), place + KINDS.index(kind)):
            if family and turn % 3:
                continue
            more = {"family": family} if family else {}
            try:
                module = objective(tokenizer=folder, size="tiny", row_tokens=16, **more)
            except ValueError as error:
                assert str(error).startswith("--model") and "\n" not in str(error), (name, family)
                continue
            built.add(name)
            config = module.model.config
            ids = {k: v for k, v in vars(config).items() if k.endswith("_token_id")}
            assert all(v < len(module.tokenizer) for v in ids.values() if isinstance(v, int)), ids
    assert "CausalLM" in built
