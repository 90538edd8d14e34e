"""Which settings are best? W&B's own sweep files, run with no account and no server.

    python experiments/sweep.py experiments/sweeps/lora_grid.yaml --jobs 2
    python experiments/sweep.py experiments/sweeps/rates_random.yaml --count 20

Grid and random searches as W&B makes them, Bayesian ones by Optuna (pip install -e '.[bayes]').
Stopped and started again, it goes on with what has not been run. The end is the trials, best
first, as table, CSV and plot, and as a tracked run. With an account the same file runs on any
number of machines: `wandb sweep FILE` says the ID for `wandb agent ID` on each.
"""

from experiments.sweeping.command import main

if __name__ == "__main__":
    main(__file__, __doc__)
