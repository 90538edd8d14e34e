"""What every part of the experiments needs: exits, files, flags, processes, redaction."""
