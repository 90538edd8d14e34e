"""W&B's sweep files without an account: read, searched, run, reported."""
