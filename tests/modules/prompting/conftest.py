"""The tiny models that a prompt is put to."""

import pytest
import torch
import transformers


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
