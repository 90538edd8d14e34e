"""The first weights of a network that is trained from scratch."""

import re

import torch
from torch import nn
from transformers import PreTrainedModel

# T5 and its kin draw embeddings of deviation 1, all other families of about 0.02. An optimizer
# whose steps have the size of the learning rate, as AdamW's, hardly moves the large ones.
MOST_DEVIATION, SCALED = 0.5, 0.05

# The value and output matrices of attention, and the dense layer before the output layer.
_MIMETIC_LAYERS = re.compile(
    r"(attn\.(?P<fused>Wqkv|c_attn)|attn\.(v_proj|Wo|o_proj|c_proj)|attention\.(self\.)?value|"
    r"attention\.(output\.)?dense|Attention\.[vo]|rel_attn\.[vo]|"
    r"(head|transform|predictions)\.dense)(\.weight)?$"
)


@torch.no_grad()
def scale_embeddings(model: PreTrainedModel) -> None:
    """Scale embeddings that are drawn with a deviation near 1, and an output layer drawn so.

    Those of other families keep their scale. A family that divides what it gives to tied
    embeddings by the root of its width, as T5 does, gets that root as the weight of its last norm:
    its logits would begin too narrow to learn from. Its export means the same to transformers.
    """
    layers = (model.get_input_embeddings(), model.get_output_embeddings())
    weights = [getattr(layer, "weight", None) for layer in layers]
    scaled = False
    for weight in {one for one in weights if isinstance(one, nn.Parameter)}:  # tied ones once
        if (deviation := float(weight.detach().std())) > MOST_DEVIATION:
            weight.mul_(SCALED / deviation)
            scaled = True
    norm = getattr(getattr(model, "decoder", None), "final_layer_norm", None)
    if scaled and norm is not None and getattr(model.config, "scale_decoder_outputs", False):
        norm.weight.mul_(model.config.d_model**0.5)


@torch.no_grad()
def mimetic_init(model: PreTrainedModel) -> PreTrainedModel:
    """Set the value and output matrices of attention to the identity.

    Every layer then begins by adding the mean of what it attends to. With random matrices, what a
    token takes from its context is small and scrambled at first, and the network spends most of a
    small budget on making it readable; with identities, tied embeddings learn at once which tokens
    occur together. After the mimetic initialisation of Trockman & Kolter (2023, arXiv:2305.09828),
    who set the product of both matrices near a multiple of the identity; the dense layer before the
    output is set likewise.

    Returns:
        The same model.
    """
    for name, weight in model.named_parameters():
        part = weight.flatten(1) if weight.ndim > 1 else weight  # XLNet's tell heads apart
        width = min(part.shape, default=0)
        if found := _MIMETIC_LAYERS.search(name):
            fused = found["fused"]  # queries, keys and values in one
            part = part[-width:] if fused == "Wqkv" else part[:, -width:] if fused else part
            if part.shape == (width, width):
                part.copy_(torch.eye(width))
    return model
