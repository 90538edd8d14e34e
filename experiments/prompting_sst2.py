"""Ask, show examples, or train: which works best on film review sentences? Compares all on SmolLM2.

    python experiments/prompting_sst2.py
    python experiments/prompting_sst2.py --only "4 shots" "4 shots, calibrated" --seeds 10

Templates and settings were chosen on the validation sentences; the test sentences are only for the
table. The rows that train see the same 1,000 sentences twice.
"""

from experiments.studies.comparison import Row, main

_ASKED = "--model.task=PromptedClassification"
_CALIBRATED = "--model.calibration=texts"
_INSTRUCTED = "--model.task.template=instruction"
_TRAINED = ("--model.backbone=smollm2", "--data.train_rows=1000", "--trainer.max_epochs=2")
_SOFT = (
    *_TRAINED,
    _ASKED,
    "--model.initialization=text",
    "--model.text=Decide whether this sentence from a film review is negative or positive.",
)

ROWS = [
    Row("question", "zero_shot_sst2", seeds=1),
    Row("instruction", "zero_shot_sst2", (_INSTRUCTED,), seeds=1),
    Row("instruction, calibrated", "zero_shot_sst2", (_INSTRUCTED, _CALIBRATED), seeds=1),
    Row("LoRA, prompted", "lora_sst2", (*_TRAINED, _ASKED), seeds=1),
    Row("LoRA", "lora_sst2", _TRAINED, seeds=1),
    Row("soft prompt", "prompt_tuning_sst2", _SOFT, seeds=1),
    Row("4 shots", "in_context_sst2", seeds=5),
    Row("4 shots, calibrated", "in_context_sst2", (_CALIBRATED,), seeds=5),
    Row("instruction, 4 shots", "in_context_sst2", (_INSTRUCTED, _CALIBRATED), seeds=1),
]

if __name__ == "__main__":
    main(__file__, __doc__, ROWS)
