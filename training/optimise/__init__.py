"""The job that measures other settings, proposes those that are better, and has them in force (see cluster/optimising).

__main__.py   the process        job.py        what is to be done, and the order of things
measuring.py  interleaved rounds rigs.py       what is measured on: a replica beside, or what is served
served.py     slots, context, batches of a model            residency.py  pinned or on demand
applying.py   in force, measured again, and back if worse   prompts.py    a prompt and its judgement (DSPy is in dspy_search.py)
"""
