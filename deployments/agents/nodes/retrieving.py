"""The node ``retrieve``: what collections say."""

from __future__ import annotations

from cluster.contracts.generation import Json, Usage
from cluster.errors import Unprocessable
from cluster.specs.nodes import RetrieveNode
from deployments.agents.visiting import Visit


async def retrieve(node: RetrieveNode, visit: Visit) -> Json:
    run = visit.run
    run.budget.check()
    question = await visit.value(node.query)
    if not isinstance(question, str):
        raise Unprocessable(f"'query' (`{node.query}`) is to be a text, found {type(question).__name__}.")
    collections = await _collections(node, visit)
    found = await run.services.finding.find(run.organisation_id, question, collections, node.settings, node.limit)
    for model, tokens in found.spent:
        visit.tally.pay(model, Usage(tokens))
    return list(found.passages)


async def _collections(node: RetrieveNode, visit: Visit) -> list[str] | None:
    if not isinstance(node.collections, str):
        return node.collections
    named = await visit.value(node.collections)
    if named is None:
        return None
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise Unprocessable(f"'collections' (`{node.collections}`) is to be a list of names.")
    return [str(name) for name in named]
