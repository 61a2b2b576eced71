"""The gate that an adapter passes before it goes into service: what is asked (``sets.py``), how it is marked (``marks.py``), what can be
concluded (``statistics.py``, ``rule.py``), and the rows (``store.py``, and ``asked.py`` for the process of the job).

**The rule.** Candidate and incumbent are asked the same items. Of each set, the mean difference of their marks is estimated, with what
10,000 sets drawn anew from the same items say of its uncertainty (a paired bootstrap). With a = (1 - confidence) / 2, 0.025 by default:

1. *Refused*, if in any set the candidate is shown to be worse: on the task worse than the incumbent, elsewhere worse by more than the set's
   tolerance. Several sets are several chances of saying so by accident, so these p-values are Holm's. Also if its mean mark is under the
   ``least`` of a set.
2. *Passed*, if it is shown to be better on the task, and in every other set shown to be not worse by more than the tolerance. All of these
   have to be shown together, each at the level a, so that several sets make it harder to pass by accident, not easier: nothing is corrected
   (Berger's intersection-union test).
3. *Undecided* otherwise: what is equal within noise, what has too few items. An undecided candidate is not promoted.

Identical answers are never a reason to promote, however many. Items are taken to be independent: near-duplicates count as more than
they say.
"""
