"""Does it matter? Any experiment over a grid of its flags and over seeds, and what that shows.

    python experiments/ablate.py experiments/lora_sst2.py --vary model.rank=2,8,32 --seeds 5
    python experiments/ablate.py lora_sst2 --vary model.rank=2,8 --vary model=LoRA,Adapter \\
        --baseline model=Adapter --jobs 2 -- --trainer.max_epochs 1

Every combination is parsed before the first run. A flag that the chosen class has not, such as
the rank of an Adapter, is left out there, and what is then the same combination runs once.
Stopped and started again, it goes on with what has not been run. The end is a table with
intervals, differences from the baseline that are paired by seed and corrected for their number,
the Pareto fronts of cost and quality, learning curves, and what could not be concluded; on the
screen, as one HTML page, as a picture, as CSV, and as a tracked run.
"""

from experiments.ablation.command import main

if __name__ == "__main__":
    main(__file__, __doc__)
