"""Has all that I recorded reached W&B? Uploads runs that lie on disk, and asks the server.

    python experiments/sync.py                        # every run under outputs/
    python experiments/sync.py outputs/lora_sst2/RUN

Runs are uploaded one after another in the order in which they were started, those offline and what
the server missed of those online; the server is then asked for rows, summary and artifacts. It can
be repeated: what has arrived is left alone, and a run that went on since is completed.
"""

from experiments.tracking.syncing import main

if __name__ == "__main__":
    main(__file__, __doc__)
