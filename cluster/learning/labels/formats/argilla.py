"""Argilla's records as its ``records.to_list`` and ``to_json`` write them: ``fields``, ``metadata``, ``suggestions`` and ``responses``
(https://docs.argilla.io/latest/how_to_guides/import_export).

The question is called ``label``, the fields ``text``, ``chat`` and ``answer``. A response's ``user_id`` is a UUID there, so that of a
person who is not ours is made of their name; values of ``metadata`` are texts and numbers, so ours stand there as JSON.
"""

from __future__ import annotations

import json
import uuid
from typing import Any, ClassVar

from cluster.learning.labels.formats.plain import origin, turns
from cluster.learning.labels.record import Decided, Given, Record, read_text
from cluster.learning.labels.values import read, written

QUESTION = "label"
_NAMES = uuid.UUID("5b0c6b0e-6f3d-4b61-9d0e-3a0a5c1d7e02")


class Argilla:
    LINES: ClassVar[bool] = False

    @staticmethod
    def dump(record: Record, kind: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"text": read_text(record.messages), "chat": [turn.model_dump() for turn in record.messages]}
        if record.answer is not None:
            fields["answer"] = record.answer
        metadata = {"hearth": _json(record.source.model_dump(mode="json")), "hearth_score": record.source.score}
        if record.final is not None:
            metadata["hearth_final"] = _json(record.final.model_dump(mode="json"))
        details = [one.model_dump(mode="json", exclude=set() if one.skipped else {"value"}) for one in record.labels]
        if details:
            metadata["hearth_labels"] = _json(details)
        said = [{"value": written(one.value), "user_id": _user(one.annotator)} for one in record.labels if not one.skipped]
        guess = {QUESTION: {"value": record.answer, "score": None, "agent": "hearth"}} if record.answer is not None else {}
        return {
            "id": record.source.id,
            "fields": fields,
            "metadata": metadata,
            "suggestions": guess,
            "responses": {QUESTION: said} if said else {},
            "vectors": {},
        }

    @staticmethod
    def load(raw: dict[str, Any], kind: str) -> Record:
        fields = raw.get("fields")
        if not isinstance(fields, dict):
            raise ValueError("it has no 'fields'")  # noqa: TRY004 - of the file, not of the program
        metadata: dict[str, Any] = raw.get("metadata") or {}
        messages = turns(fields, "chat", "messages")
        known = {_user(one["annotator"]): one for one in _loaded(metadata.get("hearth_labels"), [])}
        final = _loaded(metadata.get("hearth_final"), None)
        return Record(
            source=origin(_loaded(metadata.get("hearth"), None), raw.get("id"), messages),
            messages=messages,
            answer=_answer(fields, raw.get("suggestions") or {}),
            labels=tuple(_labels(raw.get("responses") or {}, known, kind)),
            final=Decided.model_validate(final) if final is not None else None,
        )


def _labels(responses: dict[str, Any], known: dict[str, dict[str, Any]], kind: str) -> list[Given]:
    """Those of our question, or of the only one there is; then those who skipped it."""
    answered: list[dict[str, Any]] | None = responses.get(QUESTION) if QUESTION in responses else next(iter(responses.values()), [])
    made, seen = list[Given](), set[str]()
    for one in answered or []:
        user = str(one.get("user_id"))
        ours = {key: value for key, value in known.get(user, {"annotator": user}).items() if key != "value"}
        value = one.get("value")
        made.append(Given.model_validate({**ours, "value": read(value, kind) if isinstance(value, str) else value}))
        seen.add(user)
    skipped = [Given.model_validate(one) for user, one in known.items() if one.get("skipped") and user not in seen]
    return [*made, *skipped]


def _answer(fields: dict[str, Any], suggestions: dict[str, Any]) -> str | None:
    suggested = (suggestions.get(QUESTION) or {}).get("value")
    found = fields.get("answer", fields.get("response", suggested))
    return found if isinstance(found, str) else None


def _user(annotator: str) -> str:
    try:
        return str(uuid.UUID(annotator))
    except ValueError:
        return str(uuid.uuid5(_NAMES, annotator))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _loaded(text: object, otherwise: Any) -> Any:
    """What ``_json`` wrote. Raises ValueError for what is none of ours."""
    return json.loads(text) if isinstance(text, str) else otherwise
