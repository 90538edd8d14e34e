"""Labels as files spell them, checked and turned into class ids, numbers or several ids a row."""

from datamodules.labels.encoding import EncodedLabels, encode_labels
from datamodules.labels.kinds import LabelKind, LabelOptions, Labels

__all__ = ["EncodedLabels", "LabelKind", "LabelOptions", "Labels", "encode_labels"]
