"""A soft prompt takes places of the context: tasks that write prompts cut texts to the rest."""

import pytest
import torch
import transformers

from modules import (
    PrefixTuning,
    PromptedClassification,
    PromptedGeneration,
    PromptTuning,
    PTuning,
    SequenceToSequence,
)
from modules.backbones import context_length
from modules.encoding import soft_prompt_tokens
from tests import conftest, tiny
from tests.seq2seq import PAIRS

LONG = "a warm film of the year " * 40
MADE = {
    PromptedClassification: lambda: PromptedClassification(
        template="{{ text }}\nIt is", verbalizer={"bad": "stupid", "good": "clever"}
    ),
    PromptedGeneration: lambda: PromptedGeneration(
        template="{{ context }} {{ question }}", max_new_tokens=4
    ),
    SequenceToSequence: lambda: SequenceToSequence(max_new_tokens=4),
}
COLUMNS = {
    PromptedClassification: {"text": [LONG, "a film"]},
    PromptedGeneration: {
        "text": ["the film", "a tale"],
        "pair": [LONG, "a cold tale"],
        "answers": [["film"], ["tale"]],
    },
    SequenceToSequence: {
        "source": [LONG, PAIRS[0][0]],
        "target": ["warm", "cold"],
        "reference": ["warm", "cold"],
    },
}


@pytest.fixture(scope="module")
def cloze(bert, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("cloze")
    transformers.AutoModelForMaskedLM.from_pretrained(bert).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(bert).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def bart(tmp_path_factory) -> str:
    """An encoder-decoder with places of its own for each token."""
    folder = tmp_path_factory.mktemp("bart")
    conftest.save_byte_pairs(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    tokenizer.save_pretrained(folder)
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    sizes = {f"{side}_{name}": 2 for side in ("encoder", "decoder") for name in ("layers",)}
    sizes |= {f"{side}_attention_heads": 2 for side in ("encoder", "decoder")}
    sizes |= {f"{side}_ffn_dim": 24 for side in ("encoder", "decoder")}
    config = transformers.BartConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        max_position_embeddings=48,
        pad_token_id=pad,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=end,
        forced_eos_token_id=end,
        **sizes,
    )
    torch.manual_seed(0)
    transformers.BartForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)


CELLS = [
    *((task, "llama", PromptTuning) for task in MADE),
    (PromptedClassification, "cloze", PromptTuning),
    (SequenceToSequence, "bart", PromptTuning),
    (PromptedClassification, "llama", PTuning),
    (SequenceToSequence, "llama", PrefixTuning),
]


@pytest.mark.quick_if(lambda case: (case["name"], case["strategy"]) == ("llama", PromptTuning))
@pytest.mark.parametrize(("task", "name", "strategy"), CELLS)
def test_a_text_and_the_prompt_never_exceed_the_places(task, name, strategy, request):
    module = tiny.make(strategy, request.getfixturevalue(name), task=MADE[task](), tokens=7).eval()
    soft, places = soft_prompt_tokens(module.model), context_length(module.model)
    assert soft == 7
    masks = {"attention_mask": torch.ones(2, 1).long(), "index": torch.arange(2)}
    batch = {**masks, "columns": COLUMNS[task], "labels": torch.tensor([0, 1])}
    prepared = module.task.prepare(batch, True)
    width = prepared["input_ids"].shape[1]
    if "targets" in prepared:  # the tokens of the words follow the prompts' own
        width = max(width, int(module.task.encode([{"text": LONG}])[0].length))
    assert places - 8 <= width + soft <= places  # it is cut, and no more than it must be
    with torch.no_grad():
        assert module(prepared).isfinite().all()
    if task is PromptedGeneration:
        texts = list(zip(COLUMNS[task]["text"], COLUMNS[task]["pair"], strict=True))
    else:
        texts = next(iter(COLUMNS[task].values()))
    assert len(module.predict(texts)) == 2
    lengths = module.num_input_tokens(torch.tensor([400, 3]))
    assert int(lengths[0]) % (places - soft) == 0 < int(lengths[1]) < int(lengths[0])


@pytest.mark.quick_if(lambda case: case["task"] is SequenceToSequence)
@pytest.mark.parametrize("task", MADE)
def test_a_prompt_that_leaves_no_room_is_refused(task, llama):
    places = context_length(tiny.make(PromptTuning, llama, task=MADE[task](), tokens=2).model)
    with pytest.raises(ValueError, match=f"soft prompt of {places - 3}"):
        tiny.make(PromptTuning, llama, task=MADE[task](), tokens=places - 3)


@pytest.mark.slow
def test_the_target_of_an_encoder_decoder_has_places_of_its_own(bart):
    module = tiny.make(PromptTuning, bart, task=MADE[SequenceToSequence](), tokens=7)
    columns = {"source": ["a film"], "target": [LONG], "reference": [LONG]}
    batch = module.task.prepare({"columns": columns, "attention_mask": torch.ones(1, 1)}, True)
    assert batch["labels"].shape[1] == context_length(module.model)
