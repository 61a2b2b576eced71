"""What a draft is made of, part by part: what the model chooses, and what the person's own words leave no doubt about.

A nano model's choice is valid and means nothing. So with one, wherever the words hint at something, that is taken; with any other model
its choice stands, and what the words name letter for letter is added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.drafts.asking import Asking
from api.drafts.words import (
    APPROVE_HINTS,
    KEEP_HINTS,
    PART_HINTS,
    SOURCE_HINTS,
    STEP_HINTS,
    called,
    hinted,
    listed,
    mentioned,
    slug,
    title_of,
)
from cluster.contracts.generation import Json, JsonObject
from cluster.graphs.composing import SOURCES, STEPS
from cluster.tools.tool import ToolSpec

MOST = 4
TEXT: JsonObject = {"type": "string", "minLength": 1, "maxLength": 60}


@dataclass(frozen=True, slots=True)
class World:
    """What a draft may name. ``nano``: whether the model is one."""

    tools: Sequence[ToolSpec]
    collections: Sequence[str]
    nano: bool


@dataclass(frozen=True, slots=True)
class Said:
    """``all``: everything that the person said; ``last``: what they said last."""

    all: str
    last: str


class Choosing:
    """One draft. ``before``: the plan of the draft that is changed; empty where there is none yet."""

    def __init__(self, asking: Asking, world: World, said: Said, before: Mapping[str, Any]) -> None:
        self._asking = asking
        self._world = world
        self._said = said
        self._before = before

    async def agent(self) -> dict[str, Any]:
        """Fields of an agent."""
        parts = await self._parts("name", "instructions", "tools", "collections")
        plan = dict(self._before)
        if "instructions" in parts:
            plan["instructions"] = await self._instructions(
                "What is the assistant that the text asks for to be told? Write its instructions."
            )
        if "tools" in parts and self._world.tools:
            about = "\n".join(f"{tool.name}: {tool.title}" for tool in self._world.tools)
            plan["tools"] = await self._some("tools", f"Which of these tools does the assistant need?\n{about}\n", self._names())
        if "collections" in parts and self._world.collections:
            question = f"Which of these collections of documents does it look things up in: {', '.join(self._world.collections)}?"
            plan["collections"] = await self._some("collections", question, self._world.collections)
        return await self._named(plan, parts)

    async def workflow(self) -> dict[str, Any]:
        """Fields of a WorkflowPlan."""
        parts = await self._parts("name", "source", "steps", "instructions", "labels", "fields", "collections", "approve")
        plan = dict(self._before)
        if "source" in parts:
            plan["source"] = await self._source()
        if "steps" in parts:
            plan["steps"] = await self._steps()
        await self._details(plan, parts)
        if "approve" in parts:
            plan |= await self._wishes()
        return await self._named(plan, parts)

    async def _details(self, plan: dict[str, Any], parts: Sequence[str]) -> None:
        """What only some steps need."""
        steps = plan.get("steps", [])
        if "classify" in steps and ("labels" in parts or "labels" not in plan):
            plan |= await self._list("labels", "Which labels does the text name, to sort by?", 2, "labels", "label", "into", "as")
        if "extract" in steps and ("fields" in parts or "fields" not in plan):
            plan |= await self._list("fields", "Which fields does the text want extracted?", 1, "fields", "extract", "extracts")
        if "write" in steps and ("instructions" in parts or not plan.get("instructions")):
            plan["instructions"] = await self._instructions("What should whoever writes the answer be told? Write the instructions.")
        if plan.get("source") == "documents" and "collections" in parts:
            plan["collections"] = mentioned(self._said.all, self._world.collections)

    async def _parts(self, *parts: str) -> Sequence[str]:
        """Of a first draft all; else those that the person wants to be different."""
        if not self._before:
            return parts
        found = [part for part in hinted(self._said.last, PART_HINTS) if part in parts]
        if mentioned(self._said.last, self._names()) and "tools" in parts:
            found.append("tools")
        if self._world.nano and found:
            return found
        schema: JsonObject = {"type": "array", "items": {"enum": list(parts)}, "minItems": 1, "maxItems": len(parts)}
        question = "A person wants a draft changed. Which parts of it does the text speak about?"
        chosen = (await self._asking.choose(question, self._said.last, parts=schema)).get("parts", [])
        return chosen or found or ["instructions"]

    async def _source(self) -> str:
        found = hinted(self._said.all, SOURCE_HINTS)
        if self._world.nano and found:
            return found[0]
        about = "; ".join(f"{name}: {text}" for name, text in SOURCES.items())
        schema: JsonObject = {"enum": list(SOURCES)}
        chosen = await self._asking.choose(f"What does the workflow in the text work on? {about}.", self._said.all, source=schema)
        return str(chosen.get("source") or (found or ["text"])[0])

    async def _steps(self) -> list[str]:
        found = hinted(self._said.all, STEP_HINTS)
        if self._world.nano and found:
            return found
        about = "; ".join(f"{name}: {text}" for name, text in STEPS.items())
        schema: JsonObject = {"type": "array", "items": {"enum": list(STEPS)}, "minItems": 1, "maxItems": MOST}
        question = f"Which steps does the workflow that the text asks for take, in order? {about}."
        chosen = (await self._asking.choose(question, self._said.all, steps=schema)).get("steps", [])
        return list(dict.fromkeys(chosen or found or ["write"]))

    async def _wishes(self) -> dict[str, bool]:
        low = self._said.all.lower()
        found = {"approve": any(hint in low for hint in APPROVE_HINTS), "keep": any(hint in low for hint in KEEP_HINTS)}
        if self._world.nano:
            return found
        question = "Does the text want a person to approve of the result (approve), and the result kept in a file (keep)?"
        chosen = await self._asking.choose(question, self._said.all, approve={"type": "boolean"}, keep={"type": "boolean"})
        return found | chosen

    async def _instructions(self, question: str) -> str:
        """With a nano model, the person's own words."""
        if self._world.nano:
            return self._said.all
        schema: JsonObject = {"type": "string", "minLength": 1, "maxLength": 1500}
        return (
            str((await self._asking.choose(question, self._told(), instructions=schema)).get("instructions", "")).strip() or self._said.all
        )

    async def _some(self, name: str, question: str, allowed: Sequence[str]) -> list[str]:
        """Of those there are. What is mentioned by its name is among them."""
        named = mentioned(self._said.all, allowed)
        if self._world.nano:
            return named
        schema: JsonObject = {"type": "array", "items": {"enum": list[Json](allowed)}, "maxItems": MOST}
        chosen = (await self._asking.choose(question, self._said.all, **{name: schema})).get(name, [])
        return list(dict.fromkeys([*named, *chosen]))

    async def _list(self, name: str, question: str, least: int, *heads: str) -> dict[str, list[str]]:
        """Nothing where there are fewer than ``least``: then it is as by default."""
        found = list(dict.fromkeys(listed(self._said.last, *heads) or listed(self._said.all, *heads)))
        if len(found) >= least and self._world.nano:
            return {name: found}
        schema: JsonObject = {"type": "array", "items": TEXT, "minItems": least, "maxItems": 8}
        chosen = (await self._asking.choose(question, self._said.all, **{name: schema})).get(name, [])
        told = list(dict.fromkeys(one.strip() for one in chosen if one.strip()))
        return next(({name: some} for some in (told, found) if len(some) >= least), {})

    async def _named(self, plan: dict[str, Any], parts: Sequence[str]) -> dict[str, Any]:
        """With a name and a title. A name that the person gives is taken as it is."""
        if "name" not in parts and plan.get("name"):
            return plan
        title = title_of(self._said.all)
        if not self._world.nano:
            schema: JsonObject = {"type": "string", "minLength": 1, "maxLength": 60}
            question = "Which short title fits what the text asks for?"
            title = str((await self._asking.choose(question, self._said.all, title=schema)).get("title", "")).strip() or title
        given = called(self._said.last) or called(self._said.all)
        return plan | {"name": given or slug(title) or "draft", "title": " ".join(title.split())[:200]}

    def _told(self) -> str:
        """With what was drafted before, so that a change is one."""
        before = self._before.get("instructions")
        return f"{self._said.all}\n\nSo far: {before}\nNow: {self._said.last}" if before else self._said.all

    def _names(self) -> list[str]:
        return [tool.name for tool in self._world.tools]
