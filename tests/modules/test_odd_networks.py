"""Networks that are put together otherwise than most: their losses, and their gradients."""

import peft
import pytest
import torch
import transformers
from torch import nn
from torch.nn import functional

import modules
from modules import output_layer
from modules.finetuning.freezing import free_inner_classifiers
from tests.backbones import families

pytestmark = pytest.mark.usefixtures("nothing_known")


def test_an_output_layer_that_is_a_table_of_words_is_not_selected_for(tmp_path):
    """FSMT names its decoder's embeddings, and its decoder returns logits."""
    folder = families.make("fsmt", tmp_path)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    assert output_layer.selection(model) == ("end", False, False)
    ids = torch.randint(5, 50, (3, 9), generator=torch.Generator().manual_seed(1))
    there = ids % 3 > 0
    inputs = {"input_ids": ids, "decoder_input_ids": ids, "use_cache": False}
    with torch.no_grad():
        loss, _, _ = output_layer.lm_loss(model, inputs, there, ids[there])
        wanted = functional.cross_entropy(model(**inputs).logits[there], ids[there])
    torch.testing.assert_close(loss, wanted)


@pytest.mark.quick_if(lambda case: case["task"] is modules.LanguageModeling)
@pytest.mark.parametrize(
    "task",
    [
        modules.Classification,
        modules.LanguageModeling,
        modules.Embedding,
        lambda: modules.PromptedClassification("{{ text }} is", {"bad": "dull", "good": "warm"}),
    ],
)
def test_a_recurrent_network_overwrites_no_states_that_have_gradients(task, tmp_path):
    """RWKV keeps its states in place, in eval mode as where a module is checked."""
    module = modules.LoRA(backbone=families.make("rwkv", tmp_path), task=task()).eval()
    assert [p for p in module.parameters() if p.requires_grad]  # its self-check takes a gradient


@pytest.mark.quick_if(lambda case: case["strategy"] is modules.LoRA)
@pytest.mark.parametrize("strategy", [modules.LoRA, modules.IA3, modules.PTuning])
def test_a_router_that_is_named_as_a_head_does_not_train_whole(strategy, tmp_path):
    """peft takes each part that is named classifier or score for the head."""
    module = strategy(backbone=families.make("switch_transformers", tmp_path))
    trained = {name for name, p in module.model.named_parameters() if p.requires_grad}
    routers = [n for n, _ in module.model.named_parameters() if ".router.classifier." in n]
    assert routers and not [name for name in routers if name in trained and "lora" not in name]
    assert any(".score." in name for name in trained)
    again = modules.load(modules.export(module, tmp_path / "export"))
    texts = ["a warm film", "a dull film"]
    wanted = torch.tensor(module.predict_proba(texts))
    torch.testing.assert_close(torch.tensor(again.predict_proba(texts)), wanted)


class Plain(nn.Module):
    """A network without a part of transformers, whose head peft knows by its name alone."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.classifier = nn.Linear(4, 4), nn.Linear(4, 2)
        self.layer = nn.ModuleList([nn.Module()])
        self.layer[0].classifier = nn.Linear(4, 2)


def test_a_head_without_a_backbone_beside_it_stays_peft_s_copy():
    lora = peft.LoraConfig(target_modules=["query"], modules_to_save=["classifier"])
    model = free_inner_classifiers(peft.get_peft_model(Plain(), lora), [])
    trained = {name.split(".")[2] for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"query", "classifier"}
