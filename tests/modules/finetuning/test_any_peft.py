"""Every tuner of peft trains a text classifier, or says in one line why not."""

import pytest
import torch
from peft import AutoPeftModelForSequenceClassification
from torch.utils.data import DataLoader

from modules import Peft
from modules.exporting import export
from modules.finetuning.any_peft import configs
from tests import tiny

# What the defaults, made for thousands of columns, have to be for 16.
SMALL = {
    "BOFTConfig": {"boft_block_size": 4},
    "C3AConfig": {"block_size": 4},
    "FourierFTConfig": {"n_frequency": 20},
    "HRAConfig": {"r": 4},
    "MissConfig": {"r": 4},
    "OFTConfig": {"oft_block_size": 4},
    "PsoftConfig": {"r": 4},
    "RoadConfig": {"group_size": 4},
    "ShiraConfig": {"r": 4},
    "VBLoRAConfig": {"vector_length": 4, "num_vectors": 16},
    "WaveFTConfig": {"n_frequency": 20},
}
# Those that cannot, and what they say.
REFUSED = {
    "AdaLoraConfig": "update_and_allocate",
    "AdaptionPromptConfig": "the head of a task would not train",
    "CPTConfig": "only supports task_type = CAUSAL_LM",
    "CartridgeConfig": "see --model PrefixTuning",
    "MultitaskPromptTuningConfig": "task_ids",
    "PolyConfig": "task_ids",
    "PrefixTuningConfig": "--model PrefixTuning",
    "PromptEncoderConfig": "--model PTuning",
    "PromptTuningConfig": "--model PromptTuning",
    "ShadowConfig": "Unable to automatically find",
    "TrainableTokensConfig": "the head of a task would not train",
    "XLoraConfig": "the head of a task would not train",
}
QUICK = {"BOFTConfig", "IA3Config", "LoHaConfig", "LoraConfig", "VeraConfig"}
STILL = {"GloraConfig": "glora_D"}  # moves the bias by its product with another zero


def make(bert, config, **kwargs):
    settings = SMALL.get(config)
    return tiny.make(Peft, bert, config=config, settings=settings, **kwargs)


@pytest.mark.quick_if(lambda case: case["precision"] == "32-true" and case["config"] in QUICK)
@pytest.mark.parametrize("config", sorted(configs().keys() - REFUSED.keys()))
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_it_trains_and_comes_back_from_its_checkpoint(
    config, precision, bert, reviews, tmp_path, monkeypatch
):
    still = {"learning_rate": 2e-3, "schedule": "constant", "warmup_ratio": 0.0}
    module = make(bert, config, **still)
    batch = tiny.read(reviews, bert)._rows["train"].__getitems__(list(range(8)))
    before, fixed = tiny.trained(module), tiny.frozen(module)
    assert {n.rsplit(".", 1)[-1] for n in before if "classifier" in n} == {"weight", "bias"}
    first = module.task.loss(tiny.logits(module, batch), batch)
    loader = DataLoader([batch] * 8, batch_size=None)
    tiny.fit(module.train(), loader, max_epochs=1, precision=precision)
    module = module.in_full_precision()
    assert module.task.loss(tiny.logits(module, batch), batch) < first

    for name, value in tiny.frozen(module).items():  # peft keeps the head that it copied
        assert torch.equal(value, fixed[name]) or "classifier.original_module" in name, name
    idle = {name for name, value in tiny.trained(module).items() if value.equal(before[name])}
    assert not [name for name in idle if STILL.get(config, "none") not in name]
    assert len(before) - len(idle) > 2  # more than the head
    assert sum(map(torch.numel, before.values())) == module.model.get_nb_trainable_parameters()[0]

    wanted, weights = tiny.logits(module, batch), module.state_dict()
    again = make(bert, config, seed=1)  # what it draws and does not train is the same
    again.load_state_dict({name: weights[name] for name in module.trainable}, strict=False)
    assert torch.equal(tiny.logits(again, batch), wanted)

    export(module, tmp_path / "export")
    monkeypatch.chdir(tmp_path / "export")  # peft looks for base/ in the working folder
    model = AutoPeftModelForSequenceClassification.from_pretrained(tmp_path / "export").eval()
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        torch.testing.assert_close(model(**inputs).logits, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("config", REFUSED)
def test_what_cannot_train_is_refused_in_one_line(config, bert):
    with pytest.raises(ValueError, match=f"^--model.config {config}: .*{REFUSED[config]}") as error:
        make(bert, config)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"config": "loraconfg"}, "--model.config loraconfg: .* did you mean LoraConfig"),
        ({"config": "Adapter"}, "--model.config Adapter: peft has no such class"),
        ({"config": "LoHaConfig", "settings": {"rank": 4}}, "settings.rank: LoHaConfig has .* r,"),
        ({"config": "LoHaConfig", "settings": {"task_type": "CAUSAL_LM"}}, "settings.task_type"),
        ({"config": "MissConfig"}, "--model.config MissConfig: `r` .64. must be less"),
    ],
)
def test_a_mistake_is_named_in_one_line(arguments, line, bert):
    with pytest.raises(ValueError, match=line) as error:
        tiny.make(Peft, bert, **arguments)
    assert "\n" not in str(error.value)


def test_targets_are_all_linear_layers_unless_given(backbone):
    every = tiny.make(Peft, backbone, config="LoraConfig").model.targeted_module_names
    assert len(every) == (2 * 6 + 1 if "bert" in backbone else 2 * 7)
    name = "query" if "bert" in backbone else "q_proj"
    settings = {"target_modules": [name], "r": 2}
    one = tiny.make(Peft, backbone, config="LoraConfig", settings=settings)
    assert len(one.model.targeted_module_names) == 2
    assert all(name.endswith(("query", "q_proj")) for name in one.model.targeted_module_names)


def test_layer_norms_are_the_targets_of_their_tuner(backbone):
    module = tiny.make(Peft, backbone, config="LNTuningConfig")
    assert all(
        value.ndim == 1 or "modules_to_save" in n for n, value in tiny.trained(module).items()
    )
    assert len(module.model.targeted_module_names) == 5
