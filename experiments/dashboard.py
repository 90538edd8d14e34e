"""The runs on this disk in a browser, with no account; nothing leaves this machine.

    python experiments/dashboard.py
    python experiments/dashboard.py group=ablate model=LoRA --port 7861 --no-open

Filters as compare.py takes them. Needs pretune[dashboard]. Without it, one run at a time in the
terminal: wandb leet FOLDER. What the view is made of is made anew each time, and goes with Ctrl-C.
"""

from experiments.board import main

if __name__ == "__main__":
    main(__file__, __doc__)
