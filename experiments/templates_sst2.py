"""Which question does a language model answer best? Tries every template of the library, zero-shot.

    python experiments/templates_sst2.py
    python experiments/templates_sst2.py -- --model.calibration content_free

Nothing trains, so one seed is enough. The default template is the best in the validation column;
the test column is for reporting.
"""

from experiments.studies.comparison import Row, main

# Those of modules.prompts.library, whose import would take torch's seconds before each --help.
NAMES = [*"sentiment review quoted tone critic opinion".split(), "all in all"]
NAMES += ["instruction", "question", "chat"]
ROWS = [Row(name, "zero_shot_sst2", (f"--model.task.template={name}",), seeds=1) for name in NAMES]

if __name__ == "__main__":
    main(__file__, __doc__, ROWS)
