"""Ask, show examples, or train: which best says in a few words what a thing is? On SmolLM2.

    python experiments/prompting_qa.py
    python experiments/prompting_qa.py --only "4 shots" "4 nearest" --seeds 5 -- --data.context true

Answers are descriptions of an encyclopaedia. Expect an F1 on 200 test titles of 0.09 for the
question alone, 0.12 with an instruction, 0.22 ± 0.01 with 4 shots, 0.27 with the 4 nearest, 0.23
with a soft prompt and 0.27 with LoRA. All rows took an hour on one busy core without bf16.
"""

from experiments.studies.comparison import Row, main

_ASKED = (
    *("--data=Descriptions", "--data.context=false", "--data.test_rows=200"),
    *("--model.task=PromptedGeneration", "--model.task.max_new_tokens=12"),
    *("--trainer.limit_val_batches=2", "--model.backbone=smollm2"),
)
_TOLD = (*_ASKED, "--model=ZeroShot", "--model.task.instruction=Say in a few words what this is.")
_NEAREST = (*_ASKED, "--model.selection=embeddings", "--model.order=reversed")
_TRAINED = (*_ASKED, "--data.train_rows=800", "--data.batch_tokens=512", "--trainer.max_epochs=1")
_RATE = "--model.learning_rate"
ROWS = [
    Row("question", "in_context_qa", (*_ASKED, "--model=ZeroShot"), seeds=1),
    Row("instruction", "in_context_qa", _TOLD, seeds=1),
    Row("4 shots", "in_context_qa", _ASKED, seeds=3),
    Row("4 nearest", "in_context_qa", _NEAREST, seeds=1),
    Row("soft prompt", "squad", (*_TRAINED, f"{_RATE}=1e-2", "--model=PromptTuning"), seeds=1),
    Row("LoRA", "squad", (*_TRAINED, f"{_RATE}=1e-3", "--model=LoRA"), seeds=1),
]
if __name__ == "__main__":
    main(__file__, __doc__, ROWS, metrics=("test/f1", "test/exact_match"))
