"""One turn of the learning loop after the other, as a program goes through them over HTTP: talk, choose, say what is right, build a
dataset, train, examine, promote, take back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import tenacity

from cluster.errors import EngineError
from cluster.learning.demo.place import LOOK_S, Place, Progress
from cluster.learning.demo.task import KNOWN, TASK, Asked
from cluster.learning.demo.user import feedback_of, is_right

ANSWER_TOKENS, AT_ONCE = 64, 4
NOT_FOUND, KNOWN_WITHIN_S = 404, 60.0
UNTIL_KNOWN = tenacity.Retrying(
    retry=tenacity.retry_if_result(lambda answer: answer.status_code == NOT_FOUND),
    wait=tenacity.wait_fixed(LOOK_S),
    stop=tenacity.stop_after_delay(KNOWN_WITHIN_S),
)
CONVERSATIONS = "chat/conversations"
Count = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Answered:
    """``id``: of the answer in its conversation."""

    id: str
    conversation: str
    asked: Asked
    answer: str


@dataclass(frozen=True, slots=True)
class Adapter:
    """``model``: by which it is asked. ``figures``: of its training."""

    id: str
    model: str
    figures: dict[str, Any]


def _nobody(done: int, of: int) -> None:
    pass


@dataclass
class Loop:
    """With the base ``model``, at ``place``. What it makes is called ``name``."""

    place: Place
    model: str
    name: str
    answered: dict[str, Answered] = field(default_factory=dict)
    campaign: str = ""
    dataset: str = ""

    def agree(self) -> None:
        """Nothing is learned from feedback before an admin says that it may be."""
        self.place.ask("PUT", "feedback/consent/organisation", {"may_learn": True})

    def talk(self, traffic: Sequence[Asked], count: Count = _nobody) -> list[Answered]:
        """Asks each in a conversation of its own."""
        found: list[Answered] = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for one in pool.map(self._talk, traffic):
                found.append(one)
                count(len(found), len(traffic))
        self.answered |= {one.id: one for one in found}
        return found

    def choose(self, count: int, strategy: str, seed: int) -> tuple[list[Answered], list[str]]:
        """The answers that are worth a person's time, with the reason for each; none is chosen twice."""
        if not self.campaign:
            # Campaigns stay, with what was decided in them, so that the next run needs one of its own.
            campaign = {"name": f"{self.name} {strategy} {uuid.uuid4().hex[:8]}", "task": TASK, "kind": "text"}
            self.campaign = self.place.ask("POST", "active-learning/campaigns", campaign)["id"]
        body: dict[str, Any] = {"source": "chat", "limit": count, "strategy": strategy, "seed": seed, "campaign_id": self.campaign}
        if strategy != "random":
            body["model"] = self.model
        samples = self.place.ask("POST", "active-learning/select-samples", body, timeout=600)["samples"]
        return [self.answered[one["id"]] for one in samples], [one["reason"] for one in samples]

    def correct(self, chosen: Sequence[Answered], count: Count = _nobody) -> int:
        """The simulated user looks at each; how many were wrong."""
        for number, one in enumerate(chosen, 1):
            self.place.ask("POST", "feedback/submit", {"message_id": one.id, **feedback_of(one.asked, one.answer)})
            count(number, len(chosen))
        return sum(not is_right(one.asked, one.answer) for one in chosen)

    def thank(self, chosen: Iterable[Answered]) -> int:
        """People who were answered rightly what the model was taught say so, unasked: what it can do is learned on with what is new. How
        many did."""
        glad = [one for one in chosen if one.asked.kind == KNOWN and is_right(one.asked, one.answer)]
        self.correct(glad)
        return len(glad)

    def build(self, look: Progress = lambda job: None) -> str:
        """A version of the dataset of all feedback so far, by the name that a training takes it by."""
        if not self.dataset:
            # Every question holds the words of one template, and every name is invented: neither is a duplicate or personal.
            options = {"near_duplicates": "ignore", "pii": "keep"}
            recipe = {"shape": "sft", "task": TASK, "sources": [{"kind": "feedback", "tasks": [TASK]}], "options": options}
            self.dataset = self.place.ask("POST", "datasets", {"name": self.name, **recipe})["id"]
        job = self.place.ask("POST", f"datasets/{self.dataset}/versions")
        version = self.place.ended(job["job_id"], look)["result"]["version"]
        return f"dataset:{self.dataset}:{version}"

    def train(self, dataset: str, parameters: Mapping[str, Any], look: Progress = lambda job: None) -> Adapter:
        """``look`` sees the training as ``/api/v1/fine-tuning`` tells it, with its latest figures."""
        body = {"model": self.model, "training_file": dataset, "name": self.name, "hyperparameters": dict(parameters)}
        job = self.place.ask("POST", "fine-tuning/start", body)
        self.place.ended(job["id"], lambda _: look(self.place.ask("GET", f"fine-tuning/{job['id']}/status")))
        told = self.place.ask("GET", f"fine-tuning/{job['id']}/status")
        made = told["result"]
        adapter = Adapter(made["adapter"], f"{made['model']}@{made['version']}", told["metrics"] | {"tokens": made["trained_tokens"]})
        self._await(adapter)
        return adapter

    def examine(self, adapter: Adapter, held_out: Sequence[Asked], look: Progress = lambda job: None) -> dict[str, Any]:
        """The gate's verdict against the base itself, on questions that nobody was trained on and on what the base could do before."""
        upload = {"file": ("held-out.jsonl", "".join(map(_line, held_out)).encode())}
        file = self.place.send("POST", "/v1/files", data={"purpose": "evals"}, files=upload).json()["id"]
        body = {"candidate": adapter.model, "incumbent": self.model, "held_out_file": file}
        verdict = self.place.ask("POST", "gate/evaluate", body)
        self.place.ended(verdict["job_id"], look)
        found: dict[str, Any] = self.place.ask("GET", f"gate/verdicts/{verdict['id']}")
        return found

    def promote(self, adapter: Adapter, *, force: bool = False) -> None:
        self.place.ask("POST", f"adapters/{adapter.id}/promote", {"force": force})

    def roll_back(self) -> None:
        self.place.ask("POST", "adapters/rollback", {"base": self.model})

    def answers(self, model: str, asked: Sequence[Asked], count: Count = _nobody) -> list[str]:
        """What ``model`` says at the temperature 0, through the OpenAI surface."""
        found: list[str] = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for one in pool.map(lambda item: self.answer(model, item.prompt), asked):
                found.append(one)
                count(len(found), len(asked))
        return found

    def answer(self, model: str, prompt: str) -> str:
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": ANSWER_TOKENS}
        return str(self.place.send("POST", "/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]).strip()

    def forget(self) -> None:
        """Deletes what it made: conversations (and what was said of them), dataset and adapters. A job that is waited for ends, and the
        base is itself again."""
        self.place.give_up()
        for one in self.place.ask("GET", "adapters/routes")["routes"]:
            while one["default_id"] is not None:
                one = self.place.ask("POST", "adapters/rollback", {"base": one["base"]})
        for adapter in self.place.ask("GET", "adapters", params={"limit": 200})["adapters"]:
            self.place.ask("DELETE", f"adapters/{adapter['id']}")
        for dataset in self.place.ask("GET", "datasets", params={"limit": 200})["items"]:
            self.place.ask("DELETE", f"datasets/{dataset['id']}")
        while found := self.place.ask("GET", CONVERSATIONS, params={"limit": 100})["items"]:
            for one in found:
                self.place.ask("DELETE", f"{CONVERSATIONS}/{one['id']}", params={"hard_delete": "true"})

    def _await(self, adapter: Adapter) -> None:
        """Gateways know a new adapter when its training ends, or, where its process could not write that down, soon after."""
        body = {"model": adapter.model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
        try:
            UNTIL_KNOWN(self.place.once, "POST", "/v1/chat/completions", json=body)
        except tenacity.RetryError:
            told = f"'{adapter.model}' was trained, and is not known after {KNOWN_WITHIN_S:.0f} s; see `hearth logs`."
            raise EngineError(told) from None

    def _talk(self, asked: Asked) -> Answered:
        conversation = self.place.ask("POST", CONVERSATIONS, {"title": asked.kind})["id"]
        body = {"model": self.model, "content": asked.prompt, "temperature": 0, "max_tokens": ANSWER_TOKENS}
        prepared = self.place.ask("POST", f"{CONVERSATIONS}/{conversation}/prepare-stream", body)
        return Answered(prepared["generation_id"], conversation, asked, self._read(prepared["stream_url"]))

    def _read(self, path: str) -> str:
        text = self.place.send("GET", path).text
        events = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
        return "".join(event["text"] for event in events if event.get("type") == "text")


def _line(item: Asked) -> str:
    example = {
        "messages": [{"role": "user", "content": item.prompt}],
        "chosen": item.answer,
        "task": TASK,
        "source": {"kind": "upload", "id": item.kind},
    }
    return json.dumps(example) + "\n"
