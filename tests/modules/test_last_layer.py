"""The last feed-forward layer on few tokens: the same losses and gradients, and less work."""

import pytest
import torch
import transformers
from torch.nn import functional

from modules import Adapter, LanguageModeling, PermutationLM, last_layer, output_layer
from tests import stories
from tests.backbones import families

pytestmark = pytest.mark.usefixtures("nothing_known")

MASKED = ("bert", "electra", "deberta-v2", "distilbert", "mpnet", "modernbert")
CAUSAL = ("gpt2", "gpt_neox", "llama", "gemma2", "opt")


def network(family, tmp_path):
    auto = "AutoModelForMaskedLM" if family in MASKED else "AutoModelForCausalLM"
    loaded = getattr(transformers, auto).from_pretrained(families.make(family, tmp_path))
    return loaded.eval()


def rows():
    """Three rows, the last of them padded, of which two tokens and one are read."""
    ids_BT = torch.randint(5, 50, (3, 12), generator=torch.Generator().manual_seed(1))
    mask_BT = torch.ones_like(ids_BT)
    mask_BT[2, 5:] = 0
    chosen_BT = torch.zeros_like(ids_BT, dtype=torch.bool)
    chosen_BT[[0, 0, 2], [3, 9, 4]] = True
    return ids_BT, mask_BT, chosen_BT


def noted(model):
    """Where the numbers of tokens that the last feed-forward layer runs on are noted."""
    seen = []
    output_layer.selection(model)  # which runs it
    for part in last_layer.feed_forward(output_layer.body_of(model))[:1]:
        part.register_forward_hook(lambda part, given, made: seen.append(made.shape[:-1].numel()))
    return seen


def gradients(loss, parameters):
    """Those of the parameters that have a part in the loss, by their number."""
    trained = [p for p in parameters if p.requires_grad]
    found = torch.autograd.grad(loss, trained, retain_graph=True, allow_unused=True)
    return {number: one for number, one in enumerate(found) if one is not None}


@pytest.mark.quick_if(lambda case: case["family"] in ("bert", "modernbert", "llama"))
@pytest.mark.parametrize("family", [*MASKED, *CAUSAL])
def test_losses_and_gradients_are_those_of_all_tokens(family, tmp_path):
    model, (ids_BT, mask_BT, chosen_BT) = network(family, tmp_path), rows()
    inputs = {"input_ids": ids_BT, "attention_mask": mask_BT}
    assert output_layer.selection(model).last == (family != "opt")  # its layer is no module
    seen = noted(model)
    loss, _, _ = output_layer.lm_loss(model, inputs, chosen_BT, ids_BT[chosen_BT])
    assert seen == ([64] if family != "opt" else [])
    found = gradients(loss, model.parameters())
    logits_NV = model(**inputs).logits[chosen_BT]
    wanted = functional.cross_entropy(logits_NV, ids_BT[chosen_BT])
    torch.testing.assert_close(loss, wanted)
    torch.testing.assert_close(found, gradients(wanted, model.parameters()), rtol=1e-4, atol=1e-6)


def test_states_that_are_read_are_right(tmp_path):
    model, (ids_BT, mask_BT, chosen_BT) = network("modernbert", tmp_path), rows()
    inputs = {"input_ids": ids_BT, "attention_mask": mask_BT}
    first_BT = torch.zeros_like(chosen_BT)
    first_BT[:, 0] = True
    wanted = model.base_model(**inputs).last_hidden_state
    given = inputs, chosen_BT, ids_BT[chosen_BT]
    found = output_layer.lm_loss(model, *given, first_BT)[2]
    torch.testing.assert_close(found[:, 0], wanted[:, 0])
    assert not torch.equal(found[:, 1], wanted[:, 1])
    assert output_layer.lm_loss(model, *given)[2] is None


def test_where_most_tokens_are_read_all_run(tmp_path):
    model, (ids_BT, _, chosen_BT) = network("modernbert", tmp_path), rows()
    seen = noted(model)
    output_layer.lm_loss(model, {"input_ids": ids_BT}, ~chosen_BT, ids_BT[~chosen_BT])
    assert seen == [ids_BT.numel()]


def test_the_last_layer_does_not_run_again_in_the_backward_pass(tmp_path):
    model, (ids_BT, _, chosen_BT) = network("modernbert", tmp_path).train(), rows()
    model.gradient_checkpointing_enable()
    seen, given = noted(model), ({"input_ids": ids_BT}, chosen_BT, ids_BT[chosen_BT])
    output_layer.lm_loss(model, *given)[0].backward()
    assert seen == [64]
    assert all(layer.gradient_checkpointing for layer in model.base_model.layers)


def test_layers_that_a_network_runs_again_run_whole(tmp_path):
    """As where it is the network, and not its layers, that runs them again."""
    model, (ids_BT, _, chosen_BT) = network("modernbert", tmp_path).train(), rows()
    model.gradient_checkpointing_enable()
    model.base_model.layers[-1].gradient_checkpointing = False
    seen, given = noted(model), ({"input_ids": ids_BT}, chosen_BT, ids_BT[chosen_BT])
    output_layer.lm_loss(model, *given)[0].backward()
    assert {*seen} == {ids_BT.numel()}


@pytest.mark.parametrize("settings", [{}, {"placement": "parallel"}])
def test_adapters_of_the_layer(settings, tmp_path):
    """An adapter beside the layer reads the tokens that the layer reads."""
    task = LanguageModeling()
    module = Adapter(backbone=families.make("llama", tmp_path), task=task, **settings).eval()
    ids_BT, mask_BT, chosen_BT = rows()
    for p in module.parameters():
        if p.requires_grad:
            torch.nn.init.normal_(p, std=0.5)
    inputs = {"input_ids": ids_BT, "attention_mask": mask_BT}
    seen = noted(module.model)
    loss, _, _ = output_layer.lm_loss(module.model, inputs, chosen_BT, ids_BT[chosen_BT])
    assert seen == [64]
    wanted = functional.cross_entropy(module.model(**inputs).logits[chosen_BT], ids_BT[chosen_BT])
    torch.testing.assert_close(loss, wanted)


def test_the_last_layer_of_a_permutation_runs_its_query_stream_alone(tmp_path):
    path = stories.write(tmp_path / "stories")
    module = stories.make(PermutationLM, path, dropout=0.0)
    batch = next(iter(stories.corpus(path, PermutationLM).train_dataloader()))
    example = module.corrupt(batch, torch.Generator().manual_seed(0))
    seen = []
    module.model.base_model.layer[-1].ff.register_forward_hook(
        lambda part, given, made: seen.append(len(made))
    )
    loss = module.losses(example)["permutation_loss"]
    queries = example["inputs"]["target_mapping"].shape[1]
    assert seen == [queries, 1]
    logits_BNV = module.model(**example["inputs"]).logits
    wanted = functional.cross_entropy(logits_BNV[example["target_mask"]], example["targets"])
    torch.testing.assert_close(loss, wanted)
    found = gradients(loss, module.parameters())
    torch.testing.assert_close(found, gradients(wanted, module.parameters()), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", ["modernbert", "bert"])
def test_no_token_is_read(family, tmp_path):
    """As where a device's rows have no masked token: all weights have a gradient, of zero."""
    model, (ids_BT, _, chosen_BT) = network(family, tmp_path), rows()
    none_BT = torch.zeros_like(chosen_BT)
    loss, _, _ = output_layer.lm_loss(model, {"input_ids": ids_BT}, none_BT, ids_BT[none_BT])
    last = last_layer.feed_forward(model.base_model)[-1]
    found = gradients(loss, last.parameters())
    assert loss == 0 and len(found) == len(list(last.parameters()))
    assert not any(one.any() for one in found.values())
