"""How often tokens stand near one another: against a loop over all pairs."""

import numpy as np

from datamodules import Corpus, cooccurrence
from tests import stories


def counted(stream, vocabulary: int, window: int, first: int = 0, last: int | None = None):
    last = len(stream) if last is None else last
    ids, wanted = stream.read(0, len(stream)), np.zeros((vocabulary, vocabulary))
    document = np.searchsorted(list(stream.document_ends), range(len(stream)), "right")
    for here in range(first, last):
        for there in range(here + 1, min(here + 1 + window, last)):
            if document[here] == document[there]:
                wanted[ids[here], ids[there]] += 1
                wanted[ids[there], ids[here]] += 1
    return wanted


def test_pairs_are_counted_within_documents(tmp_path):
    data = Corpus(stories.write(tmp_path), batch_size=4)
    data.setup("fit")
    stream = data._rows["train"].stream
    for window in (1, 5):
        found = cooccurrence.count_pairs(stream, data.vocab_size, window)
        assert (found.toarray() == counted(stream, data.vocab_size, window)).all()
    assert (data.cooccurrences().toarray() == counted(stream, data.vocab_size, 5)).all()


def test_of_a_long_stream_parts_are_counted(tmp_path, monkeypatch):
    data = Corpus(stories.write(tmp_path), batch_size=4)
    data.setup("fit")
    stream = data._rows["train"].stream
    monkeypatch.setattr(cooccurrence, "_PART", 100)
    found = cooccurrence.count_pairs(stream, data.vocab_size, 3, most=200)
    last = (len(stream) - 1) // 100 * 100
    parts = [counted(stream, data.vocab_size, 3, *pair) for pair in ((0, 100), (last, None))]
    assert (found.toarray() == sum(parts)).all()
