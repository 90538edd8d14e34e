"""Every DataModule by name."""

from datamodules.classification import SST2, Glue, IMDb, RottenTomatoes, TextFiles

__all__ = ["Glue", "IMDb", "RottenTomatoes", "SST2", "TextFiles"]
