"""Batches: a file of requests, answered by one job in what time is left, and the files of answers that come of it."""
