"""Embeddings of a new network from how often tokens stand near one another in its corpus."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from datamodules.argument_names import in_arguments
from modules.base import PretuneModule
from modules.notices import note
from modules.optimization import embedding_tables
from modules.pretraining.generator import DisentangledEmbedding

if TYPE_CHECKING:
    from scipy import sparse

_SMOOTHING = 0.75  # of the contexts' frequencies: Levy, Goldberg & Dagan 2015, section 3.1
_DEVIATION = 0.1
_ROUNDS, _MORE = 4, 16  # of the randomised factorisation, and the columns beyond those wanted


def embeddings(counts: "sparse.csr_array", width: int) -> Tensor:
    """Factorise the positive pointwise mutual information of tokens and their neighbours.

    With its singular values S, U S V^T, the rows are those of U S^(1/2) (Levy, Goldberg & Dagan
    2015, "Improving distributional similarity with lessons learned from word embeddings", TACL 3).

    Args:
        counts: How often tokens stand near one another, (V, V).
        width: Columns of the embeddings.

    Returns:
        The embeddings, (V, at most width) fp32, of deviation 0.1 over the tokens that occur; those
        of the others are 0.
    """
    found = counts.tocoo()
    often = np.asarray(counts.sum(1))
    context = often**_SMOOTHING / (often**_SMOOTHING).sum()
    information = np.log(found.data / (often[found.row] * context[found.col]))
    kept = information > 0
    places = np.stack([found.row[kept], found.col[kept]])
    matrix = torch.sparse_coo_tensor(
        torch.from_numpy(places.astype(np.int64)),
        torch.from_numpy(information[kept].astype(np.float32)),
        counts.shape,
        check_invariants=False,
    )
    columns = min(width + _MORE, *counts.shape)
    with torch.random.fork_rng(devices=[]):  # the draws of the run stay what they are
        torch.manual_seed(0)
        rows, values, _ = torch.svd_lowrank(matrix, q=columns, niter=_ROUNDS)
    made = (rows * values.sqrt())[:, :width]
    occurs = torch.from_numpy(often > 0)
    made[~occurs] = 0
    return made * (_DEVIATION / made[occurs].std())


def watch(module: Any) -> None:
    """Have a module know whether its weights are as they were drawn, not loaded or trained."""
    module.drawn = True
    module.register_load_state_dict_post_hook(_loaded)


def _loaded(module: Any, incompatible: Any) -> None:
    module.drawn = False


@in_arguments
def begin_fit(module: Any) -> None:
    """Check the data, as every module does, and set the embeddings where that is asked for."""
    PretuneModule.on_fit_start(module)
    if module.drawn and module.hparams["cooccurrence"]:
        set_embeddings(module)
    module.drawn = False


def set_embeddings(module: Any) -> None:
    """Set the embeddings of a module's new networks by :func:`embeddings` of its corpus.

    Tokens that the corpus lacks, such as [MASK], keep the embeddings that were drawn.

    Raises:
        ValueError: If the data is no corpus, or the embeddings are spread over devices.
    """
    flag, data = "--model.cooccurrence", module.trainer.datamodule
    if not hasattr(data, "cooccurrences"):
        kind = "a loader" if data is None else type(data).__name__
        raise ValueError(f"{flag}: counts the tokens of a Corpus, not of {kind}; set it to false")
    note("embeddings begin from the tokens that stand near one another in the corpus")
    counts = data.cooccurrences()
    for table in embedding_tables(module):
        # A discriminator that adds to its generator's embeddings begins with them.
        if not isinstance(table, nn.Embedding) or isinstance(table, DisentangledEmbedding):
            continue
        if table.weight.ndim != 2 or len(table.weight) < counts.shape[0]:
            raise ValueError(f"{flag}: embeddings are spread over devices; set it to false")
        made = embeddings(counts, table.weight.shape[1])
        occurs = made.abs().sum(1) > 0
        with torch.no_grad():
            table.weight[: len(made), : made.shape[1]][occurs] = made[occurs].to(table.weight)
