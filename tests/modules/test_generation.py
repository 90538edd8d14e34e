"""Greedy answers against a loop that takes the highest logit."""

import peft
import pytest
import torch
import transformers

from modules import generation

PENALTIES = {
    "repetition_penalty": 5.0,
    "no_repeat_ngram_size": 1,
    "suppress_tokens": [7, 8, 9],
    "forced_eos_token_id": 3,
    "min_new_tokens": 2,
    "num_beams": 3,
}


@pytest.mark.parametrize("adapted", [False, True])
def test_the_token_with_the_highest_logit_whatever_the_generation_config_says(llama, adapted):
    tokenizer = transformers.AutoTokenizer.from_pretrained(llama)
    model = transformers.AutoModelForCausalLM.from_pretrained(llama).eval()
    plain = generation.generate(model, tokenizer, [[5, 6, 7], [9]], 8)
    for name, value in PENALTIES.items():
        setattr(model.generation_config, name, value)
    if adapted:
        config = peft.LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"])
        model = peft.get_peft_model(model, config).eval()
    assert generation.generate(model, tokenizer, [[5, 6, 7], [9]], 8) == plain
    for name, value in PENALTIES.items():
        assert getattr(model.generation_config, name) == value
    for prompt, answer in zip([[5, 6, 7], [9]], plain, strict=True):
        ids = list(prompt)
        for _ in range(8):
            with torch.no_grad():
                ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] == tokenizer.eos_token_id:
                break
        said = tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True)
        assert answer == said.strip()
