"""What learning brought, and what it cost.

``judgements.py`` reads what the gate found of adapters, with what each was trained on; curves of labels (``efficiency.py``) and costs
(``cost.py``) are made of that. ``quality.py`` tells how answers fared over time. ``drift.py`` says whether what people ask and say is still
what the adapter in service was trained on (``trained.py``), which ``comparing.py`` tests. ``charts.py`` says how all this is drawn, and
``drawing.py`` draws it.
"""
