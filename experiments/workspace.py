"""A W&B workspace and a report with the panels that matter for these runs. Needs an account.

    python experiments/workspace.py entity/project
    python experiments/workspace.py entity/project --metric test/accuracy --by model.rank

Validation curves, quality beside cost, and which settings matter. Needs pretune[workspace].
"""

from experiments.panels import main

if __name__ == "__main__":
    main(__file__, __doc__)
