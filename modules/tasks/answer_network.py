"""A backbone with a head of two logits for each token: the start and the end of an answer."""

from typing import Any

from modules import backbones


def load(backbone: str, dropout: float | None) -> Any:
    """Load a backbone with the head of its family for questions about contexts.

    Some families of decoders name the network in this class otherwise than in their files, so that
    transformers would leave it random: it is read apart then, and ``read_apart`` is true.
    """
    from transformers import AutoModel, AutoModelForQuestionAnswering

    model: Any = backbones.load_backbone(
        AutoModelForQuestionAnswering, backbone, dropout, num_labels=2
    )
    lead = f"{model.base_model_prefix}."
    if model.base_model is model or not any(n.startswith(lead) for n in model.new_parameters):
        return model
    trunk: Any = backbones.load_backbone(AutoModel, backbone, dropout)
    held, wanted = trunk.state_dict(), model.base_model.state_dict()
    if held.keys() != wanted.keys():  # of another make: what is new is said before the fit
        return model
    model.base_model.load_state_dict(held)
    still = {f"{lead}{name}" for name in trunk.new_parameters}
    model.new_parameters = [
        name for name in model.new_parameters if not name.startswith(lead) or name in still
    ]
    model.read_apart = bool(len(still) < len(held))
    return model
