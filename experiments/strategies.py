"""Which fine-tuning strategy is best, and at what cost? Runs all on the same data, over seeds.

    python experiments/strategies.py
    python experiments/strategies.py --seeds 5 --only lora adapter --jobs 2
    python experiments/strategies.py -- --model.backbone smollm2

Every strategy runs with the settings that are tuned for it. The results are a table and a plot of
accuracy against trained parameters. The same command continues a study that was stopped.
"""

from experiments.studies.comparison import Row, main

ROWS = [
    Row("full", "full_sst2"),
    Row("partial freezing", "partial_freezing_sst2"),
    Row("LoRA", "lora_sst2"),
    Row("adapter", "adapter_sst2"),
    Row("prefix tuning", "prefix_tuning_sst2"),
    Row("p-tuning", "p_tuning_sst2"),
    Row("prompt tuning", "prompt_tuning_sst2"),
    Row("IA3", "ia3_sst2"),
    Row("BitFit", "bitfit_sst2"),
    Row("linear probe", "linear_probe_sst2"),
]

if __name__ == "__main__":
    main(__file__, __doc__, ROWS)
