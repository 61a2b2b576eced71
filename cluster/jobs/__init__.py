"""Work that takes time: a row and a state machine in PostgreSQL, and for each attempt one Ray job.

    enqueue (store) -> queued -> dispatcher claims -> running -> Ray runs ``python -m MODULE JOB_ID`` -> work.py reports -> ended

PostgreSQL alone says how a job stands; Ray only runs processes. Every write of a process names its attempt and is refused once the row has
moved on, so a process that was taken for dead can come back and break nothing.
"""
