"""Every LightningModule and task by name: ``from modules import LoRA``."""

from modules.exporting import load
from modules.finetuning.adapter import Adapter
from modules.finetuning.any_peft import Peft
from modules.finetuning.bitfit import BitFit
from modules.finetuning.full import FullFineTuning
from modules.finetuning.ia3 import IA3
from modules.finetuning.linear_probe import LinearProbe
from modules.finetuning.lora import LoRA
from modules.finetuning.p_tuning import PTuning
from modules.finetuning.partial_freezing import PartialFreezing
from modules.finetuning.prefix_tuning import PrefixTuning
from modules.finetuning.prompt_tuning import PromptTuning
from modules.pretraining.causal_lm import CausalLM
from modules.pretraining.masked_lm import MaskedLM
from modules.pretraining.next_sentence_prediction import NextSentencePrediction
from modules.pretraining.permutation_lm import PermutationLM
from modules.pretraining.replaced_token_detection import ReplacedTokenDetection
from modules.pretraining.sentence_order_prediction import SentenceOrderPrediction
from modules.pretraining.span_corruption import SpanCorruption
from modules.prompting.in_context import InContext
from modules.prompting.zero_shot import ZeroShot
from modules.tasks import (
    Classification,
    InstructionFollowing,
    LanguageModeling,
    MultiLabel,
    PairClassification,
    PromptedClassification,
    Regression,
)

__all__ = [
    "Adapter",
    "BitFit",
    "CausalLM",
    "Classification",
    "FullFineTuning",
    "IA3",
    "InContext",
    "InstructionFollowing",
    "LanguageModeling",
    "LinearProbe",
    "LoRA",
    "MaskedLM",
    "MultiLabel",
    "NextSentencePrediction",
    "PTuning",
    "PairClassification",
    "PartialFreezing",
    "Peft",
    "PermutationLM",
    "PrefixTuning",
    "PromptTuning",
    "PromptedClassification",
    "Regression",
    "ReplacedTokenDetection",
    "SentenceOrderPrediction",
    "SpanCorruption",
    "ZeroShot",
    "load",
]
