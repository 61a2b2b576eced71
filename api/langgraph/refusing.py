"""What LangGraph's SDK can ask and Hearth does not do: said before anything is done, with what to do instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.langgraph.schemas import RunBody
from cluster.errors import Unprocessable

MODES = ("values", "updates", "messages", "messages-tuple", "events", "tasks", "custom")
_ELSEWHERE = {
    "interrupt_before": "Runs stop at nodes of kind 'human'; put one before the node, or pause the run.",
    "interrupt_after": "Runs stop at nodes of kind 'human'; put one behind the node, or pause the run.",
    "webhook": "A run calls nobody when it ends; join it, or read its stream, which can be resumed.",
    "feedback_keys": "Runs collect no feedback; leave 'feedback_keys' out.",
    "langsmith_tracer": "Nothing of a run goes to LangSmith; traces go to the setting tracing.endpoint.",
}


def need_offered(body: RunBody) -> None:
    """Raises Unprocessable for what a run cannot have here."""
    for name, sentence in _ELSEWHERE.items():
        if getattr(body, name):
            raise Unprocessable(sentence).about(name)
    if body.on_completion == "delete":
        raise Unprocessable("Runs are kept for graphs.kept_days days; take 'keep', and delete the run when it has ended.").about(
            "on_completion"
        )
    if body.multitask_strategy == "rollback":
        raise Unprocessable("What a run did is not taken back; take 'interrupt', 'enqueue' or 'reject'.").about("multitask_strategy")
    if body.command is not None and (body.command.update or body.command.goto):
        raise Unprocessable("A command can only resume; to change the state, POST to the thread's 'state' first.").about("command")


def modes_of(given: str | Iterable[str]) -> frozenset[str]:
    """Raises Unprocessable for what is not streamed here."""
    modes = [given] if isinstance(given, str) else list(given)
    for mode in modes:
        if mode not in MODES:
            raise Unprocessable(f"There is no stream of '{mode[:60]}' here; there are: {', '.join(MODES)}.").about("stream_mode")
    return frozenset(modes) or frozenset({"values"})


def options_of(body: RunBody) -> tuple[str | None, dict[str, Any]]:
    """The model and the limits that ``config`` and ``context`` name. Raises Unprocessable for what graphs do not take from there."""
    config = body.config
    given = dict(config.configurable if config is not None else {}) | dict(body.context or {})
    model = given.pop("model", None)
    given.pop("thread_id", None)
    if given:
        name = next(iter(given))
        raise Unprocessable(f"Graphs take 'model' from here, not '{name[:60]}'; give it in 'input', if the graph has it.").about("config")
    if model is not None and (not isinstance(model, str) or not 0 < len(model) <= 200):
        raise Unprocessable("'model' is the name of a model or an alias.").about("config.configurable.model")
    steps = config.recursion_limit if config is not None else None
    return model, {} if steps is None else {"steps": steps}
