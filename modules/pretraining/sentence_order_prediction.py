"""ALBERT's objective: masked tokens, and whether two segments are in their order."""

from modules.pretraining.pair_objective import PairObjective


class SentenceOrderPrediction(PairObjective):
    """Predicts masked tokens, and whether two segments are in their order (Lan et al. 2020).

    Half of the pairs are swapped. Rows are those of ``--data.rows pairs``.
    """

    swap, name = True, "sop"
