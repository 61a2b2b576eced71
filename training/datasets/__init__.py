"""Builds versions of datasets: ``python -m training.datasets JOB_ID``.

    reading.py    sources, one after the other, into blocks on disk
    examining.py  each example by itself, on workers of Ray Data (flow.py): its format, personal data, what it is compared by
    sifting.py    all together: contradictions, duplicates, what is nearly the same
    splitting.py  what is held out
    writing.py    the files, by the hash of their content, and sheet.py what there is to say of them

Personal data is masked before examples are compared, since masking makes some the same that were not.
"""
