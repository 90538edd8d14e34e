"""Tools that every part of the experiments shares: exits, files, flags, processes, redaction."""
