"""The first weights of new networks: of comparable scale in every family, mimetic if asked for."""

import math

import pytest
import torch
import transformers

from modules import SpanCorruption
from modules.pretraining import architectures, initialization
from tests import stories

CAUSAL = ("modernbert-decoder", "gpt2", "llama", "xlnet")


def auto_class(family: str) -> str:
    kinds = {"t5": "AutoModelForSeq2SeqLM"} | dict.fromkeys(CAUSAL, "AutoModelForCausalLM")
    return kinds.get(family, "AutoModelForMaskedLM")


def network(path, family: str, mimetic: bool = True) -> transformers.PreTrainedModel:
    tokenizer = transformers.AutoTokenizer.from_pretrained(f"{path}/tokenizer")
    torch.manual_seed(0)
    config = architectures.make_config(family, "tiny", tokenizer, 24, 0.0)
    return architectures.from_config(auto_class(family), config, mimetic)


def test_embeddings_have_a_comparable_scale_in_every_family(path):
    for family in architectures._FAMILIES:
        deviation = float(network(path, family).get_input_embeddings().weight.detach().std())
        assert 0.015 < deviation < 0.06, family


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", ["t5", "mt5", "longt5"])
def test_kin_of_t5_begins_at_the_loss_of_a_guess(family, tied):
    sizes = {"vocab_size": 300, "d_model": 64, "num_layers": 1, "d_ff": 64, "num_heads": 2}
    config = transformers.AutoConfig.for_model(
        family, **sizes, d_kv=32, tie_word_embeddings=tied, decoder_start_token_id=0
    )
    torch.manual_seed(0)
    model = architectures.from_config("AutoModelForSeq2SeqLM", config, True).eval()
    ids, labels = torch.randint(3, 300, (2, 8, 12))
    loss = float(model(input_ids=ids, labels=labels).loss.detach())
    assert loss == pytest.approx(math.log(300), abs=0.5)
    for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
        assert float(layer.weight.detach().std()) == pytest.approx(0.05, rel=0.05)


def test_an_exported_t5_is_the_same_in_transformers(path, tmp_path):
    module = stories.make(SpanCorruption, path).eval()
    module.export_model().save_pretrained(tmp_path)
    again = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path).eval()
    ids = torch.arange(5, 15)[None]
    ours, theirs = (one(input_ids=ids, labels=ids).logits for one in (module.model, again))
    torch.testing.assert_close(ours, theirs)


def test_a_classifier_on_a_new_encoder_reads_the_mean_of_all_tokens(path, tmp_path):
    network(path, "modernbert").save_pretrained(tmp_path)
    auto = transformers.AutoModelForSequenceClassification
    model, ids = auto.from_pretrained(tmp_path).eval(), torch.arange(5, 15)[None]
    with torch.no_grad():
        mean = model.model(input_ids=ids)[0].mean(1)
        torch.testing.assert_close(model(input_ids=ids).logits, model.classifier(model.head(mean)))


def test_weights_of_a_usual_scale_are_left_alone(path):
    model = network(path, "bert", mimetic=False)
    before = model.get_input_embeddings().weight.clone()
    initialization.scale_embeddings(model)
    assert torch.equal(before, model.get_input_embeddings().weight)
