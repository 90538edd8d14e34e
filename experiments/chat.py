"""What does it say? Talk to a fine-tuned model in the terminal.

    python experiments/chat.py last                   # the newest run that ended with an export
    python experiments/chat.py outputs/instruction_tuning/RUN/export
    python experiments/chat.py smollm2                # as it was before
    echo "Name three fruits." | python experiments/chat.py last

Ctrl-C stops an answer, Ctrl-D ends. From a pipe each line is a question, and only answers are
printed.
"""

from experiments.talk import main

if __name__ == "__main__":
    main(__file__, __doc__)
