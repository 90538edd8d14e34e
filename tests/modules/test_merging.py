"""Merged modules: ordinary folders of transformers with the same logits, or one line."""

import copy
import json

import peft
import pytest
import safetensors.torch
import torch
import transformers

import modules
from modules import merging
from modules.exporting import export
from modules.finetuning.any_peft import UNSUPPORTED, configs
from modules.merging import merge, obstacle
from tests import tiny
from tests.modules import cells
from tests.modules.conftest import refusal

PARTS = {
    "Adapter": "Adapter adds layers, for which no model of transformers has a place",
    "PTuning": "PTuning: a trained prompt stands before the text",
    "PrefixTuning": "PrefixTuning: a trained prompt stands before the text",
    "PromptTuning": "PromptTuning: a trained prompt stands before the text",
}


def same(module, folder) -> None:
    again = modules.load(folder)
    torch.testing.assert_close(
        merging._logits(again), merging._logits(module), atol=1e-5, rtol=1e-5
    )
    assert not hasattr(again.model, "peft_config")
    files = folder.rglob("*.safetensors")
    held = [w for file in files for w in safetensors.torch.load_file(file).values()]
    assert held and all(weight.dtype == torch.float32 for weight in held)


@pytest.mark.quick_if(lambda case: case["strategy"].__name__ in ("LoRA", "Adapter"))
@pytest.mark.parametrize("strategy", tiny.STRATEGIES, ids=lambda strategy: strategy.__name__)
def test_every_strategy_merges_or_says_why_not(strategy, bert, llama, tmp_path, request):
    quick = "slow" not in [mark.name for mark in request.node.iter_markers()]
    # The encoder with every other task, the decoder with the rest and what all have in common.
    names = list(cells.TASKS)
    here = names if refusal(strategy, llama) else names[::2]
    for backbone, tasks in {bert: here, llama: ["class", *names[1::2]]}.items():
        if quick and backbone is llama:
            continue
        for name, module, texts in cells.all_of(strategy, backbone, tasks[:1] if quick else tasks):
            if reason := PARTS.get(strategy.__name__):
                assert obstacle(module).startswith(reason)
                with pytest.raises(ValueError, match="the export with the adapter is the one that"):
                    merge(module, tmp_path / "merged")
                assert not list(tmp_path.iterdir())
                break
            before = tiny.trained(module)
            folder = merge(module, tmp_path / "merged")
            same(module, folder)
            assert tiny.trained(module).keys() == before.keys()
            assert [p.name for p in tmp_path.iterdir()] == ["merged"]
            pipeline_says_the_same(module, folder, texts, name)
            assert (folder / "config.json").is_file() == (name != "mean")
            assert ("`pipeline` cannot" in (folder / "README.md").read_text()) == (name == "mean")


def pipeline_says_the_same(module, folder, texts, name) -> None:
    """What transformers alone makes of the folder."""
    if name not in ("class", "several", "pairs"):
        return
    ask = transformers.pipeline("text-classification", str(folder), top_k=None)
    rows = [{"text": a, "text_pair": b} for a, b in texts] if name == "pairs" else texts
    if name == "pairs" and not ask.tokenizer.num_special_tokens_to_add():
        rows = [f"{a}\n{b}" for a, b in texts]
    for answers, row in zip(ask(rows), module.predict_proba(texts), strict=True):
        scores = {answer["label"]: answer["score"] for answer in answers}
        assert scores == pytest.approx(dict(zip(cells.LABELS, row, strict=True)), abs=1e-5)


@pytest.mark.quick_if(lambda case: "initialization" in case["settings"])
@pytest.mark.parametrize(
    "settings", [{"use_dora": True}, {"use_rslora": True}, {"initialization": "pissa"}]
)
def test_variants_of_lora_merge(settings, bert, tmp_path):
    module = cells.stirred(modules.LoRA, bert, cells.TASKS["mean"](), **settings)
    same(module, merge(module, tmp_path / "merged"))


@pytest.mark.slow
@pytest.mark.parametrize("config", sorted(configs().keys() - UNSUPPORTED))
def test_each_config_of_peft_merges_or_says_why_not(config, backbone, tmp_path):
    try:
        module = cells.stirred(modules.Peft, backbone, cells.TASKS["class"](), config=config)
    except ValueError:
        pytest.skip("not for this backbone")
    try:
        folder = merge(module, tmp_path / "merged")
    except ValueError as error:
        assert "the export with the adapter is the one that travels" in str(error)
        assert "\n" not in str(error) and not list(tmp_path.iterdir())
    else:
        same(module, folder)


def test_a_new_head_of_several_layers_is_merged(bert, tmp_path):
    """Which peft by itself cannot: it looks for the weight of a single layer."""
    module = cells.stirred(modules.IA3, bert, cells.TASKS["words"]())
    same(module, merge(module, tmp_path / "merged"))


def test_all_that_goes_with_a_decoder_travels(llama, tmp_path):
    source = tmp_path / "source"
    config = transformers.AutoConfig.from_pretrained(llama, tie_word_embeddings=True)
    tied = transformers.AutoModelForCausalLM.from_config(config)
    tied.generation_config.max_new_tokens, tied.generation_config.eos_token_id = 7, [0, 5]
    tied.to(torch.bfloat16).save_pretrained(source)
    transformers.AutoTokenizer.from_pretrained(llama).save_pretrained(source)
    module = cells.stirred(modules.LoRA, str(source), cells.TASKS["chat"]())
    folder = merge(module, tmp_path / "merged")
    same(module, folder)
    config = json.loads((folder / "config.json").read_text())
    assert config["tie_word_embeddings"] and config["dtype"] == "float32"
    adapter = export(module, tmp_path / "export")
    for place in (folder, adapter / "base"):  # where each is opened
        generation = json.loads((place / "generation_config.json").read_text())
        assert generation["max_new_tokens"] == 7 and generation["eos_token_id"] == [0, 5]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template == module.task.chat_template
    assert tokenizer.pad_token == "</s>"


def test_a_wrong_merge_is_refused(bert, tmp_path, monkeypatch):
    module = cells.stirred(modules.LoRA, bert, cells.TASKS["class"]())
    monkeypatch.setattr(
        peft.tuners.lora.LoraModel, "merge_and_unload", lambda tuner, **_: tuner.unload()
    )
    with pytest.raises(ValueError, match="the merged model's logits differ by .* of LoRA"):
        merge(module, tmp_path / "merged")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_merge_leaves_nothing(bert, tmp_path, monkeypatch):
    module = cells.stirred(modules.LoRA, bert, cells.TASKS["class"]())
    before = copy.deepcopy(module.state_dict())
    for where in ("write_ordinary", "load", "check_close"):
        with monkeypatch.context() as patch:

            def press(*_, **__):
                raise KeyboardInterrupt

            patch.setattr(merging, where, press)
            with pytest.raises(KeyboardInterrupt):
                merge(module, tmp_path / "merged")
        assert not list(tmp_path.iterdir())
    after = module.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
