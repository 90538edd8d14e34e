"""Many runs that answer one question: jobs, comparisons, ablations, sweeps, pre-training."""
