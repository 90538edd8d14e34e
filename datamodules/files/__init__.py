"""One reading layer for tables: labelled text, instructions and corpora."""

from datamodules.files.folders import read_splits, split_files
from datamodules.files.reading import read_table, records
from datamodules.files.table import BadRow, BadRows, ReadOptions, Table, fault

__all__ = [
    "BadRow",
    "BadRows",
    "ReadOptions",
    "Table",
    "fault",
    "read_splits",
    "read_table",
    "records",
    "split_files",
]
