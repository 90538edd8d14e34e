"""BitFit: biases and the head, nothing else."""

import pytest
import torch

from modules import BitFit, Classification
from tests import tiny


def test_what_trains_is_every_bias_and_the_head(bert):
    module = tiny.make(BitFit, bert, task=Classification(num_classes=3))
    for name, parameter in module.model.named_parameters():
        wanted = name.endswith(".bias") or name == "classifier.weight"
        assert parameter.requires_grad == wanted, name
    # Embeddings' norm; six linear layers, one of 32 columns, and two norms a layer; the pooler.
    biases = 16 + 2 * (7 * 16 + 32) + 16
    count = sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert count == biases + 3 * 16 + 3
    assert set(module.layers()) == {"embeddings", "layer.0", "layer.1", "head"}


def test_a_model_without_biases_is_refused_in_one_line(llama):
    with pytest.raises(ValueError, match="--model BitFit: llama has no biases") as error:
        tiny.make(BitFit, llama)
    assert "\n" not in str(error.value)


def test_biases_train_in_fp32_beside_bf16_matrices(bert, reviews):
    module = tiny.make(BitFit, bert, learning_rate=1e-4)
    before = tiny.trained(module)
    data = tiny.read(reviews, bert, batch_size=8)
    tiny.fit(module, data, max_epochs=1, precision="bf16-mixed")
    query = module.model.bert.encoder.layer[0].attention.self.query
    assert query.weight.dtype == torch.bfloat16
    assert query.bias.dtype == torch.float32
    for name, value in tiny.trained(module).items():
        assert not torch.equal(value, before[name]), name
