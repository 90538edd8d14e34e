"""Studies of many runs that answer one question: comparisons, ablations, sweeps, pre-training."""
