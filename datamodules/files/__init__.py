"""One reading layer for tables: labelled text, instructions and corpora."""

from datamodules.files.readers import read_splits, read_table, records, split_files
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
