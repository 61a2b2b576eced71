"""What a label is, by the kind of its campaign, and when two of them say the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cluster.contracts.generation import Json
from cluster.errors import BadInput, TooLarge, Unprocessable
from cluster.json_schema import check_value
from cluster.learning.labels.table import LabelCampaign


def checked(value: Json, campaign: LabelCampaign, most_chars: int, *, what: str = "value") -> Json:
    """``value``, which is one that the campaign asks for. Raises Unprocessable, or TooLarge, about ``what``."""
    if len(written(value)) > most_chars:
        raise TooLarge(f"'{what}' has more than {most_chars} characters (active_learning.value_chars); shorten it.").about(what)
    if campaign.kind == "json":
        try:
            check_value(value, campaign.form or {}, what=what)
        except BadInput as error:
            raise Unprocessable(error.message).about(error.param) from None
        return value
    if not isinstance(value, str) or not value.strip():
        raise Unprocessable(f"'{what}' is a text in this campaign, and not an empty one.").about(what)
    if campaign.kind == "label" and value not in campaign.labels:
        raise Unprocessable(f"'{what}' is one of {', '.join(campaign.labels)}; found '{value[:100]}'.").about(what)
    return value


def written(value: Json) -> str:
    """As a text to learn: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read(text: str, kind: str) -> Json:
    """What ``written`` wrote. Raises Unprocessable for a campaign of JSON where it is none."""
    if kind != "json":
        return text
    try:
        value: Json = json.loads(text)
    except ValueError:
        raise Unprocessable(f"A label of this campaign is JSON, found: {text[:100]}") from None
    return value


def same(value: Json) -> str:
    """Equal for values that say the same: white space in a text does not count, nor the order of keys in JSON."""
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def majority(values: Sequence[Json]) -> int | None:
    """Where the first value stands that more than half of them say; None where there is none."""
    keys = [same(value) for value in values]
    best, count = Counter(keys).most_common(1)[0]
    return keys.index(best) if count * 2 > len(keys) else None


def boxed(value: Json) -> dict[str, Any]:
    """As a column holds it, so that a label null is none that is missing."""
    return {"value": value}
