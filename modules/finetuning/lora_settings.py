"""Settings that suit LoRA, for a kind of backbone or for a task."""

from modules.tuning import Tuned

_ONE_TEXT = ("Classification", "PromptedClassification")
_CHOSEN = "docs/results.md, rank 5 and 512 tokens: validation accuracy 0.833, 0.835, 0.828"
_DECODER = "docs/results.md, SmolLM2 on Rotten Tomatoes: test accuracy 0.863"
_PAIRS = "experiments/nli_snli.py: test accuracy 0.80"
_INSTRUCTIONS = "experiments/instruction_tuning.py: test loss 1.97 to 1.80"
_CHOICES = "experiments/social_iqa.py: test accuracy 0.48"
_COUPLES = "experiments/dpo.py: the chosen answer has the higher reward in 0.93 of the test couples"
_WRITTEN = "experiments/headlines.py: test ROUGE-L 0.27"

SETTINGS: tuple[Tuned, ...] = (
    Tuned("trainer.max_epochs", 2, _CHOSEN),
    Tuned("model.learning_rate", 5e-4, _DECODER, backbone="decoder"),
    *(Tuned("model.rank", 5, _CHOSEN, task=name) for name in _ONE_TEXT),
    *(Tuned("data.batch_tokens", 512, _CHOSEN, task=name) for name in _ONE_TEXT),
    Tuned("trainer.max_epochs", 3, _PAIRS, task="PairClassification"),
    Tuned("data.batch_tokens", 2048, _PAIRS, task="PairClassification"),
    Tuned("model.rank", 8, _INSTRUCTIONS, task="InstructionFollowing"),
    Tuned("model.learning_rate", 3e-4, _CHOICES, backbone="decoder", task="MultipleChoice"),
    *(
        Tuned(flag, value, source, task=name)
        for name, source in (("Preference", _COUPLES), ("SequenceToSequence", _WRITTEN))
        for flag, value in {
            "model.rank": 8,
            "model.learning_rate": 5e-4,
            "trainer.max_epochs": 1,
            "data.batch_tokens": 1024,
        }.items()
    ),
)
