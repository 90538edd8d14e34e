"""BERT's objective: masked tokens, and whether one segment follows the other."""

from modules.pretraining.pair_objective import PairObjective


class NextSentencePrediction(PairObjective):
    """Predicts masked tokens, and whether one segment follows the other (Devlin et al. 2019).

    Half of the second segments are of another document of the batch. Rows are those of
    ``--data.rows pairs``.
    """

    swap, name = False, "nsp"
