"""Lines of uploaded files as examples; whichever shape a dataset has, all formats of ``chat_lines.py`` are read. Of several answers in one
conversation the last is learnt."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from cluster.errors import Unprocessable
from cluster.learning.chat_lines import PREFERENCE, chat_line
from cluster.learning.datasets.recipe import TaskName
from cluster.learning.example import Example, Source

__all__ = ["PREFERENCE", "example_of"]

_TASK: TypeAdapter[str] = TypeAdapter(TaskName)


def example_of(raw: bytes, source: Source, task: str) -> Example:
    """``task``: that of a line which names none. Raises Unprocessable with what is wrong and what is expected."""
    line = chat_line(raw)
    assert line.answer.content is not None, "an answer is a text"
    return Example(
        messages=tuple(turn.message() for turn in line.asked),
        chosen=line.answer.content,
        rejected=line.rejected,
        task=_task(task if line.task is None else line.task),
        source=source,
    )


def _task(told: object) -> str:
    try:
        return _TASK.validate_python(told, strict=True)
    except ValidationError:
        raise Unprocessable("'task' must be a name of 1 to 64 small letters, digits, '_', '.' and '-'.") from None
