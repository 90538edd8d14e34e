"""Which runs are best, and in what do they differ? Runs on this disk, or in a W&B project.

    python experiments/compare.py
    python experiments/compare.py model=LoRA,Adapter 'model.rank>4' state=finished --by model
    python experiments/compare.py group=ablate --metric test/accuracy --curves val/loss
    python experiments/compare.py --project entity/project --csv runs.csv

Filters are of a run's facts (id, name, group, job_type, tags, state, started), its config under the
names of its flags, and its metrics. The best of each group is marked.
"""

from experiments.overview import main

if __name__ == "__main__":
    main(__file__, __doc__)
