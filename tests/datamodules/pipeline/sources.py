"""Sources of a corpus, as its tasks read them."""

from datamodules.pipeline.formats.documents import ReadingOptions
from datamodules.pipeline.locating import Source
from datamodules.pipeline.reading import DocumentReader


def read_documents(source, tmp_path, stop=False, options=None, **settings):
    """The step that reads a source."""
    made = Source(str(source), options=options or ReadingOptions(), **settings)
    return DocumentReader([made], stop, tmp_path / "progress")


def read(source, tmp_path, tasks=1, stop=False, options=None, **settings):
    """All documents by their ids and the faults, as ``tasks`` tasks read them."""
    found, faults = [], []
    for rank in range(tasks):
        step = read_documents(source, tmp_path, stop, options, **settings)
        found += step.run(None, rank, tasks)
        faults += step.unreadable
        assert min(20, step.unreadable_count) == len(step.unreadable)
    assert len({document.id for document in found}) == len(found)
    return {document.id: document.text for document in found}, faults
