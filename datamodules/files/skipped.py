"""Rows of a file that cannot be read: an error, or left out with a remark."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datamodules.files.table import BadRows, fault


@dataclass
class Skipped:
    """The rows of a file that were left out.

    Attributes:
        name: The path of the file.
        bad_rows: Whether such a row is an error (stop), or is left out (skip).
        rows: The number of each, and why.
    """

    name: Any
    bad_rows: BadRows
    rows: list[tuple[int | str, str]] = field(default_factory=list)

    def add(self, row: int | str, error: ValueError, cure: str = "") -> None:
        """Leave a row out.

        Raises:
            ValueError: If such a row is an error, with file and row.
        """
        if self.bad_rows == "stop":
            more = f"{error}{cure}, or leave such rows out with --data.bad_rows skip"
            raise fault(self.name, more, row=row) from error
        self.rows.append((row, str(error)))

    def notes(self, unit: str) -> list[str]:
        """A remark on the number of rows and the first of them; none if all were read."""
        if not self.rows:
            return []
        row, reason = self.rows[0]
        more = "; ..." if len(self.rows) > 1 else ""
        file = Path(str(self.name)).name
        return [f"{file}: {len(self.rows):,} {unit} were left out: row {row}: {reason}{more}"]
