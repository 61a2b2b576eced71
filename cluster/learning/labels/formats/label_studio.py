"""Label Studio's JSON: a list of tasks with ``data``, ``annotations`` and ``predictions`` (https://labelstud.io/guide/task_format).

The labelling interface that goes with it is `<Text name="text" value="$text"/>` and, named ``label``, `<Choices name="label"
toName="text">` for one of labels, `<TextArea name="label" toName="text"/>` for a text or JSON. Who said something stands in the region's
``meta``, because ``completed_by`` has to be one of its own users; the label that counts is an annotation marked ``ground_truth``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from cluster.contracts.generation import Json
from cluster.learning.labels.formats.plain import origin, turns
from cluster.learning.labels.record import Decided, Given, Record, read_text
from cluster.learning.labels.values import read, written

Region = dict[str, Any]


class LabelStudio:
    LINES: ClassVar[bool] = False

    @staticmethod
    def dump(record: Record, kind: str) -> dict[str, Any]:
        data = {
            "text": read_text(record.messages),
            "messages": [turn.model_dump() for turn in record.messages],
            "answer": record.answer,
            "hearth": record.source.model_dump(mode="json"),
        }
        annotations = [_annotation(given, kind) for given in record.labels]
        if record.final is not None:
            meta = {"annotator": record.final.by, "adjudicated": record.final.adjudicated}
            annotations.append({"result": [_region(record.final.value, kind, meta)], "was_cancelled": False, "ground_truth": True})
        guess = [] if record.answer is None or kind != "text" else [{"model_version": "hearth", "result": [_region(record.answer, kind)]}]
        return {"data": data, "annotations": annotations, "predictions": guess}

    @staticmethod
    def load(raw: dict[str, Any], kind: str) -> Record:
        data = raw.get("data")
        if not isinstance(data, dict):
            raise ValueError("it has no 'data'")  # noqa: TRY004 - of the file, not of the program
        messages = turns(data, "messages")
        done = [one for one in raw.get("annotations") or [] if isinstance(one, dict)]
        counting = [one for one in done if one.get("ground_truth")]
        return Record(
            source=origin(data.get("hearth"), raw.get("id"), messages),
            messages=messages,
            answer=_answer(data.get("answer"), raw.get("predictions") or []),
            labels=tuple(_given(one, kind) for one in done if not one.get("ground_truth")),
            final=_decided(counting[-1], kind) if counting else None,
        )


def _annotation(given: Given, kind: str) -> dict[str, Any]:
    meta = {"annotator": given.annotator, "remark": given.remark}
    result = [{**_region("", "text", meta), "value": {"text": []}}] if given.skipped else [_region(given.value, kind, meta)]
    return {"result": result, "was_cancelled": given.skipped, "ground_truth": False, "lead_time": given.seconds}


def _region(value: Json, kind: str, meta: dict[str, Any] | None = None) -> Region:
    said = {"choices": [value]} if kind == "label" else {"text": [written(value)]}
    shape = "choices" if kind == "label" else "textarea"
    return {"from_name": "label", "to_name": "text", "type": shape, "value": said, **({"meta": meta} if meta else {})}


def _said(annotation: dict[str, Any], kind: str) -> tuple[Json, dict[str, Any]]:
    """The value of the first region that has one, and its ``meta``. Raises ValueError where there is none."""
    for region in annotation.get("result") or []:
        value = region.get("value") or {}
        if isinstance(value.get("choices"), list) and value["choices"]:
            return str(value["choices"][0]), region.get("meta") or {}
        text = value.get("text")
        if text:
            return read("\n".join(text) if isinstance(text, list) else str(text), kind), region.get("meta") or {}
    raise ValueError("an annotation has neither choices nor a text")


def _given(annotation: dict[str, Any], kind: str) -> Given:
    seconds = annotation.get("lead_time")
    timed = float(seconds) if isinstance(seconds, int | float) else None
    if annotation.get("was_cancelled"):
        metas = [region.get("meta") or {} for region in annotation.get("result") or []]
        meta: dict[str, Any] = metas[0] if metas else {}
        return Given(annotator=_who(annotation, meta), skipped=True, remark=str(meta.get("remark") or ""), seconds=timed)
    value, meta = _said(annotation, kind)
    return Given(annotator=_who(annotation, meta), value=value, remark=str(meta.get("remark") or ""), seconds=timed)


def _decided(annotation: dict[str, Any], kind: str) -> Decided:
    value, meta = _said(annotation, kind)
    by = meta.get("annotator") if meta else _who(annotation, meta)
    return Decided(value=value, by=by, adjudicated=bool(meta.get("adjudicated", True)))


def _who(annotation: dict[str, Any], meta: dict[str, Any]) -> str:
    """Its user is a number, or an object with an address, as it was exported."""
    if isinstance(meta.get("annotator"), str):
        return str(meta["annotator"])
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    return f"label_studio:{by}" if by is not None else f"label_studio:annotation-{annotation.get('id', 'unknown')}"


def _answer(answer: object, predictions: list[dict[str, Any]]) -> str | None:
    if isinstance(answer, str) or not predictions:
        return answer if isinstance(answer, str) else None
    try:
        return written(_said(predictions[0], "text")[0])
    except ValueError:
        return None
