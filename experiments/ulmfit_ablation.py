"""Which parts of ULMFiT's recipe help a transformer? Tries each part alone, and several together.

    python experiments/ulmfit_ablation.py
    python experiments/ulmfit_ablation.py --only full gradual

The parts (Howard & Ruder 2018) are training of only the last layers, gradual unfreezing,
discriminative learning rates (ULMFiT's factor 1/2.6 from layer to layer, and 0.9, which is usual
for transformers) and the slanted triangular schedule. The baseline is full_sst2.py.
"""

from experiments.studies.comparison import Row, main

GRADUAL = ("--trainer.callbacks+=LayerwiseUnfreezing", "--trainer.callbacks.every_steps=30")
RATES = ("--trainer.callbacks+=DiscriminativeLearningRates", "--trainer.callbacks.layer_decay=0.9")
STEEP = (
    "--trainer.callbacks+=DiscriminativeLearningRates",
    "--trainer.callbacks.layer_decay=0.385",
)
SLANTED = ("--model.schedule=slanted_triangular", "--model.warmup_ratio=0.1")

ROWS = [
    Row("full", "full_sst2"),
    Row("last layer", "partial_freezing_sst2", ("--model.frozen_layers=6",)),
    Row("gradual", "full_sst2", GRADUAL),
    Row("discriminative", "full_sst2", RATES),
    Row("discriminative 1/2.6", "full_sst2", STEEP),
    Row("slanted", "full_sst2", SLANTED),
    Row("gradual + discriminative", "full_sst2", GRADUAL + RATES),
    Row("gradual + slanted", "full_sst2", GRADUAL + SLANTED),
    Row("discriminative + slanted", "full_sst2", RATES + SLANTED),
    Row("all three", "full_sst2", GRADUAL + RATES + SLANTED),
]

if __name__ == "__main__":
    main(__file__, __doc__, ROWS)
