"""Does pre-training pay, and which objective? All of them, then the same fine-tuning of each.

    python experiments/pretrain_then_finetune.py
    python experiments/pretrain_then_finetune.py --budget 3e7 --labels 500
    python experiments/pretrain_then_finetune.py --only minilm+mlm --budget 1e6

Each objective sees as many tokens of the same rows with the same width and depth; then few or many
labelled sentences, over seeds, against the same network without it. Started again, it goes on with
what has not been run.
"""

from experiments.studies.pretraining import Origin, main

# Those of MLM were chosen on validation sentences, by how well 500 labels separate its frozen
# features; the others' are guesses from them, slower where it did not learn so fast. Embeddings
# learn fast and much is asked of each row, since a small budget is few steps.
RATE = ("--model.learning_rate=3e-3", "--model.embedding_lr_multiplier=10")
SLOWER = ("--model.learning_rate=1e-3",)
MIDDLE = ("--model.learning_rate=2e-3",)
HALF = (*RATE, "--model.probability=0.5")

ORIGINS = [
    Origin("new encoder", "MaskedLM", None, share=0),
    Origin("MLM", "MaskedLM", "new encoder", HALF),
    Origin("NSP", "NextSentencePrediction", "new encoder", HALF, rows="pairs"),
    Origin("SOP", "SentenceOrderPrediction", "new encoder", HALF, rows="pairs"),
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
