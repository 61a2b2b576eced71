"""The tools that Hearth has of its own: one function each, with what it takes as a pydantic model."""

from __future__ import annotations

from typing import Any

from cluster.tools.builtin.base import BuiltinTool
from cluster.tools.builtin.documents import DOCUMENT_READ, DOCUMENTS_SEARCH
from cluster.tools.builtin.files import FILES_LIST, FILES_READ, FILES_SEARCH
from cluster.tools.builtin.files_changing import FILES_APPEND, FILES_DELETE, FILES_WRITE
from cluster.tools.builtin.graphs import GRAPH_RESULT, GRAPH_RUN, TASK_CREATE
from cluster.tools.builtin.models import ASK_MODEL, MODELS_LIST
from cluster.tools.builtin.system import SYSTEM_INFO
from cluster.tools.builtin.web import FETCH_URL

BUILTIN: tuple[BuiltinTool[Any, Any], ...] = (
    DOCUMENTS_SEARCH,
    DOCUMENT_READ,
    FILES_LIST,
    FILES_READ,
    FILES_SEARCH,
    FILES_WRITE,
    FILES_APPEND,
    FILES_DELETE,
    MODELS_LIST,
    ASK_MODEL,
    SYSTEM_INFO,
    FETCH_URL,
    GRAPH_RUN,
    GRAPH_RESULT,
    TASK_CREATE,
)
