"""Ask, show examples, or train: which best says in a few words what a thing is? On SmolLM2.

    python experiments/prompting_qa.py
    python experiments/prompting_qa.py --only "4 shots" "4 nearest" --seeds 5 -- --data.context true

The answers are the one-line descriptions of an encyclopaedia; 200 titles are for the test. With
``--data.context true`` the article's introduction stands before the question.
"""

from experiments.studies.comparison import Row, main

_ASKED = (
    *("--data=Descriptions", "--data.context=false", "--data.test_rows=200"),
    *("--model.task=PromptedGeneration", "--model.task.max_new_tokens=12"),
    *("--trainer.limit_val_batches=2", "--model.backbone=smollm2"),
)
_TOLD = (*_ASKED, "--model=ZeroShot", "--model.task.instruction=Say in a few words what this is.")
_NEAREST = (*_ASKED, "--model.selection=embeddings", "--model.order=reversed")
_TRAINED = (*_ASKED, "--data.train_rows=800", "--trainer.max_epochs=1")
_SOFT = (*_TRAINED, "--model=PromptTuning", "--model.learning_rate=1e-2")
_LORA = (*_TRAINED, "--model=LoRA", "--model.learning_rate=1e-3")
ROWS = [
    Row("question", "in_context_qa", (*_ASKED, "--model=ZeroShot"), seeds=1),
    Row("instruction", "in_context_qa", _TOLD, seeds=1),
    Row("4 shots", "in_context_qa", _ASKED, seeds=3),
    Row("4 nearest", "in_context_qa", _NEAREST, seeds=1),
    Row("soft prompt", "squad", _SOFT, seeds=1),
    Row("LoRA", "squad", _LORA, seeds=1),
]
if __name__ == "__main__":
    main(__file__, __doc__, ROWS, metrics=("test/f1", "test/exact_match"))
