"""What every objective takes from the data's flags, and the settings that suit them all."""

from datamodules.unread import Unread, given
from modules.linking import Link
from modules.tuning import Tuned

_CONTINUED = "experiments/pretrain_then_finetune.py: MaskedLM going on from MiniLM"
_TRAINED = "the factor is for new embeddings; Gururangan et al. 2020 (2004.10964) go on at one rate"

_COUNTED = "1 M tokens of reviews, size tiny: MaskedLM's validation loss 4.421 in place of 5.108"
_FACTOR = "1 M tokens of reviews, counted embeddings: MaskedLM's loss 4.445, 4.524 at three times"
_STUDY = "experiments/pretrain_then_finetune.py, 2 M tokens: as MaskedLM's"
_BETAS = "1 M tokens of reviews, size tiny: MaskedLM's validation loss 5.037 in place of 5.074"

LINKS: tuple[Link, ...] = (
    Link("data.row_tokens", "model.row_tokens"),
    Link("data.tokenizer", "model.tokenizer", built=True),
    Link("data.bytes_per_token", "model.bytes_per_token", built=True),
)
UNREAD = (
    Unread(("size", "family", "mimetic"), "backbone", given),  # which are a new network's
    Unread(("embedding_lr_multiplier",), "lora_rank", given),  # new ones learn as the head
)
# How good guesses are tells little beside those of another objective, or of other tokens.
_GUESSES = {"same": ("objective", "tokenizer", "data", "rows")}
METRIC_FACTS = dict.fromkeys(
    (
        *("accuracy", "precision", "recall", "auc"),
        *(f"{part}_accuracy" for part in ("causal", "mlm", "nsp", "sop")),
    ),
    _GUESSES,
)
TUNED: tuple[Tuned, ...] = (
    Tuned("model.learning_rate", 1e-4, _CONTINUED, backbone="pretrained"),
    Tuned("model.embedding_lr_multiplier", 1.0, _TRAINED, backbone="pretrained"),
    Tuned("model.cooccurrence", True, _COUNTED, backbone="new"),
    Tuned("model.embedding_lr_multiplier", 1.0, _FACTOR, backbone="new"),
)


def tuned_for_masks(source: str = _STUDY) -> tuple[Tuned, ...]:
    """The settings that suit a new network with masked tokens; the rates are of this source."""
    return (
        Tuned("model.learning_rate", 3e-3, source, backbone="new"),
        Tuned("model.betas", [0.9, 0.98], _BETAS, backbone="new"),
    )
