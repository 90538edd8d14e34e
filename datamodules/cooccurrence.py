"""How often tokens stand near one another in a corpus."""

from typing import TYPE_CHECKING

import numpy as np

from datamodules.shards import TokenStream

if TYPE_CHECKING:
    from scipy import sparse

_PART = 1 << 20  # tokens that are counted at once


def count_pairs(
    stream: TokenStream, vocabulary: int, window: int = 5, most: int = 10 * _PART
) -> "sparse.csr_array":
    """Count the pairs of tokens that stand near one another in a document.

    Args:
        stream: The tokens.
        vocabulary: The number of entries of the tokenizer.
        window: How far apart the tokens of a pair may stand.
        most: How many tokens are read, about: of a longer stream, parts that are evenly spread.

    Returns:
        The counts in both orders, (vocabulary, vocabulary), symmetric, float32.
    """
    from scipy import sparse

    shape = vocabulary, vocabulary
    counts = sparse.csr_array(shape, dtype=np.float32)
    starts = np.arange(0, len(stream), _PART)
    chosen = np.linspace(0, len(starts) - 1, min(len(starts), max(1, most // _PART)))
    for start in starts[chosen.astype(int)]:
        places = np.arange(start, min(start + _PART, len(stream)))
        ids, documents = stream.take(places), stream.document_ends.searchsorted(places, "right")
        for apart in range(1, window + 1):
            together = documents[apart:] == documents[:-apart]
            pair = ids[:-apart][together], ids[apart:][together]
            ones = np.ones(len(pair[0]), dtype=np.float32)
            counts += sparse.coo_array((ones, pair), shape=shape).tocsr()
    return (counts + counts.T).tocsr()
