"""Where does it come from? From an evaluation back to the raw text, with no server.

    python experiments/lineage.py last                         # the newest run that has finished
    python experiments/lineage.py outputs/lora_sst2/RUN/export # or a run's id, or a corpus
    python experiments/lineage.py RUN --also /mnt/moved        # look there for what has moved

Each line is something that a run made or used: the first twelve digits of its content's digest, the
run that made it, the commit, and where it lies now. What has changed since then is said.
"""

from experiments.ancestry import main

if __name__ == "__main__":
    main(__file__, __doc__)
