"""Writing answers. Straight from pydantic to bytes: FastAPI would validate what we made ourselves a second time."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel
from starlette.responses import Response

from api.web.schema import Answer

DataT = TypeVar("DataT")


class Success(Answer, Generic[DataT]):
    """The shape of every answer below ``/api/v1``."""

    status: Literal["success"] = "success"
    data: DataT


def json_answer(answer: BaseModel, status: int = 200) -> Response:
    return Response(answer.__pydantic_serializer__.to_json(answer), status, media_type="application/json")


def success(data: DataT) -> Response:
    return json_answer(Success[DataT](data=data))
