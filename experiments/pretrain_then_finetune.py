"""Does pre-training help, and with which objective? Runs all, then the same fine-tuning of each.

    python experiments/pretrain_then_finetune.py
    python experiments/pretrain_then_finetune.py --budget 3e7 --labels 500
    python experiments/pretrain_then_finetune.py --only minilm+mlm --budget 1e6

Each objective sees equally many tokens of the same rows, with the same width and depth. Then each
network is fine-tuned on few or many labelled sentences, over seeds, and compared with the same
network without pre-training. The same command continues a study that was stopped.
"""

from experiments.studies.pretraining import Origin, main

# MLM's rates were chosen on validation sentences, by a probe of frozen features with 500 labels.
# The other rates are guesses from them, lower for objectives that learned more slowly. Embeddings
# have a high rate and many tokens are predicted, since a small budget allows few steps.
RATE = ("--model.learning_rate=3e-3", "--model.embedding_lr_multiplier=10")
SLOWER = ("--model.learning_rate=1e-3",)
MIDDLE = ("--model.learning_rate=2e-3",)
HALF = (*RATE, "--model.probability=0.5")

ORIGINS = [
    Origin("new encoder", "MaskedLM", None, share=0),
    Origin("MLM", "MaskedLM", "new encoder", HALF),
    Origin("NSP", "NextSentencePrediction", "new encoder", HALF, rows="pairs"),
    Origin("SOP", "SentenceOrderPrediction", "new encoder", HALF, rows="pairs"),
    Origin("hybrid", "HybridLM", "new encoder", HALF),
    Origin("RTD", "ReplacedTokenDetection", "new encoder", SLOWER),
    Origin("new decoder", "CausalLM", None, share=0),
    Origin("CLM", "CausalLM", "new decoder", RATE),
    Origin("new XLNet", "PermutationLM", None, share=0),
    Origin("PLM", "PermutationLM", "new XLNet", (*MIDDLE, "--model.probability=0.3")),
    Origin("new T5", "SpanCorruption", None, share=0),
    Origin("spans", "SpanCorruption", "new T5", (*MIDDLE, "--model.noise_density=0.3")),
    Origin("minilm", "MaskedLM", None, backbone="minilm", share=0),
    Origin("minilm+MLM", "MaskedLM", "minilm", ("--model.learning_rate=1e-4",), backbone="minilm"),
]

if __name__ == "__main__":
    main(__file__, __doc__, ORIGINS)
