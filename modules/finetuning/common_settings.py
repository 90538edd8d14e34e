"""Settings that suit every strategy, for a kind of backbone or for a task."""

from modules.tuning import Tuned

_LAST_TOKEN = (
    "experiments/linear_probe_sst2.py, SmolLM2 on 2,000 sentences: validation accuracy 0.795, "
    "with mean pooling 0.761"
)
_NER = "experiments/ner_wnut.py, FullFineTuning on 1,837 tweets: test F1 0.55"
_INSTRUCTIONS = "experiments/instruction_tuning.py, LoRA on 2,200 records: test loss 1.97 to 1.80"

COMMON: tuple[Tuned, ...] = (
    Tuned("model.task.pooling", "native", _LAST_TOKEN, backbone="decoder"),
    Tuned("trainer.max_epochs", 10, _NER, task="TokenClassification"),
    Tuned("trainer.max_epochs", 1, _INSTRUCTIONS, task="InstructionFollowing"),
)
