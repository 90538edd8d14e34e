"""Does pre-training pay, and which objective? All of them, then the same fine-tuning of each.

    python experiments/pretrain_then_finetune.py
    python experiments/pretrain_then_finetune.py --budget 25e6 --only mlm clm
    python experiments/pretrain_then_finetune.py --only minilm+mlm --budget 1e6

Each objective sees as many tokens of the same rows with the same width and depth; then few or many
labelled sentences, over seeds, against the same network without it. Started again, it goes on with
what has not been run.
"""

from experiments.payoff import Origin, main

RATE = "--model.learning_rate=3e-3"
MANY = (RATE, "--model.probability=0.3")

ORIGINS = [
    Origin("new encoder", "MaskedLM", None, share=0),
    Origin("MLM", "MaskedLM", "new encoder", MANY),
    Origin("NSP", "NextSentencePrediction", "new encoder", MANY, rows="pairs"),
    Origin("SOP", "SentenceOrderPrediction", "new encoder", MANY, rows="pairs"),
    Origin("RTD", "ReplacedTokenDetection", "new encoder", (RATE,)),
    Origin("new decoder", "CausalLM", None, share=0),
    Origin("CLM", "CausalLM", "new decoder", (RATE,)),
    Origin("new XLNet", "PermutationLM", None, share=0),
    Origin("PLM", "PermutationLM", "new XLNet", (RATE,)),
    Origin("new T5", "SpanCorruption", None, share=0),
    Origin("spans", "SpanCorruption", "new T5", (RATE,)),
    Origin("minilm", "MaskedLM", None, backbone="minilm", share=0),
    Origin("minilm+MLM", "MaskedLM", "minilm", ("--model.learning_rate=1e-4",), backbone="minilm"),
]

if __name__ == "__main__":
    main(__file__, __doc__, ORIGINS)
