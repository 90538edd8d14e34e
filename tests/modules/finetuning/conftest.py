"""Every fine-tuning strategy in turn."""

import pytest
import torch
from peft import PeftModel

from tests import tiny


@pytest.fixture(params=tiny.STRATEGIES, ids=lambda strategy: strategy.__name__)
def strategy(request):
    return request.param


def head_of(module) -> torch.nn.Module:
    model = module.model.get_base_model() if isinstance(module.model, PeftModel) else module.model
    return model.classifier if hasattr(model, "classifier") else model.score
