"""Does pre-training help, and with which objective? Runs all, then the same fine-tuning of each.

    python experiments/pretrain_then_finetune.py
    python experiments/pretrain_then_finetune.py --budget 3e7
    python experiments/pretrain_then_finetune.py --labels 100 500 2000 all --seeds 5
    python experiments/pretrain_then_finetune.py --only "100 epochs"
    python experiments/pretrain_then_finetune.py --only minilm+mlm --budget 1e6

Each objective sees equally many tokens of the same rows, with the same width and depth. Then each
network is fine-tuned on few or many labelled sentences, over seeds, and compared with the same
network without pre-training. New networks have random embeddings; the row "embeddings" has those
that are counted in the corpus, as all objectives begin with, and no training. The row "100 epochs"
spends the minutes of pre-training on longer fine-tuning. With up to 1,000 labels, the thousands of
labelled sentences that no run uses test as well. The same command continues a study that was
stopped.
"""

from functools import partial

from experiments.studies.pretraining import main
from experiments.studies.pretraining_origins import DRAWN, SMALL, Origin

# Many tokens are predicted, since a small budget allows few steps. The rates are those that are
# tuned for each objective.
HALF = ("--model.probability=0.5",)
# Fine-tuning alone for about as long as pre-training takes; the best of ten validations is tested.
LONGER = (*SMALL, "--trainer.max_epochs=100", "--trainer.check_val_every_n_epoch=10")
# Published weights are fine-tuned at the strategy's own rate, which is lower than that of new ones.
MEAN = ("--model.task.pooling=mean",)
# Ways of going on from them with less change: a lower rate; the head, which is new, and two layers;
# the head first and then a layer more every 20 steps; low-rank updates.
LOW = ("--model.learning_rate=2e-5",)
_LAYERS = "--trainer.callbacks=LayerwiseUnfreezing", "--trainer.callbacks.every_steps"
TOP = (*_LAYERS, "1000000", "--trainer.callbacks.start=3")
HEAD = (*_LAYERS, "20")
UPDATES = ("--model.lora_rank=8",)

minilm = partial(Origin, backbone="minilm", tuning=MEAN, usual=False)
smollm2 = partial(Origin, backbone="smollm2", tuning=(), usual=False)

ORIGINS = [
    Origin("new encoder", "MaskedLM", None, DRAWN, share=0),
    Origin("embeddings", "MaskedLM", "new encoder", share=0),
    Origin("100 epochs", "MaskedLM", "new encoder", DRAWN, share=0, tuning=LONGER, usual=False),
    Origin("MLM", "MaskedLM", "new encoder", HALF),
    Origin("NSP", "NextSentencePrediction", "new encoder", HALF, rows="pairs"),
    Origin("SOP", "SentenceOrderPrediction", "new encoder", HALF, rows="pairs"),
    Origin("hybrid", "HybridLM", "new encoder", HALF),
    Origin("RTD", "ReplacedTokenDetection", "new encoder", HALF),
    Origin("new decoder", "CausalLM", None, DRAWN, share=0),
    Origin("CLM", "CausalLM", "new decoder"),
    Origin("new XLNet", "PermutationLM", None, DRAWN, share=0),
    Origin("PLM", "PermutationLM", "new XLNet", ("--model.probability=0.3",)),
    Origin("new T5", "SpanCorruption", None, DRAWN, share=0),
    Origin("spans", "SpanCorruption", "new T5", ("--model.noise_density=0.3",)),
    minilm("minilm", "MaskedLM", None, share=0),
    minilm("minilm+MLM", "MaskedLM", "minilm"),
    minilm("minilm+MLM 2e-5", "MaskedLM", "minilm", LOW),
    minilm("minilm+MLM top", "MaskedLM", "minilm", TOP),
    minilm("minilm+MLM head", "MaskedLM", "minilm", HEAD),
    minilm("minilm+MLM LoRA", "MaskedLM", "minilm", UPDATES),
    smollm2("smollm2", "CausalLM", None, share=0),
    smollm2("smollm2+CLM", "CausalLM", "smollm2"),
]

if __name__ == "__main__":
    main(__file__, __doc__, ORIGINS)
