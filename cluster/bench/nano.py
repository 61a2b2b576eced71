"""`hearth bench nano`: what the nano models can do, asked over HTTP on text, pictures and speech nobody has met before."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError

from cluster.bench.hearth import Hearth
from cluster.bench.report import BenchResult, Cell, Verdict
from cluster.bench.serving import MODEL
from cluster.errors import EngineError
from cluster.home import REPOSITORY
from cluster.specs.profile import ProfileSpec, ServedModel

# Generators and marking belong to the recipes, in another room; as processes of their own they need no import.
EXAMINER, CLIP_EXAMINER = "training.nano.evaluate", "training.nano.clip.evaluate"
WHISPER_EXAMINER = "training.nano.whisper.evaluate"
CLIP, WHISPER = "hearth-nano-clip", "hearth-nano-whisper"
CONTEXT = 2048
PARALLEL = 4
Share = Annotated[float, Field(ge=0, le=1)]


class Marks(BaseModel):
    """What the examiner prints: the seed it drew, the questions of each skill, shares by name, and the share each is meant to reach."""

    seed: int
    items: int
    bars: dict[str, Share]
    free: dict[str, Share]
    constrained: dict[str, Share]


class ClipMarks(BaseModel):
    """``recall``: the share of captions that found their own picture among so many, over so many draws."""

    seed: int
    rounds: int
    among: int
    recall: Share
    bar: Share


class WhisperMarks(BaseModel):
    """``wer``: the words heard wrong, as a share of the words said in so many recordings; more than all may be wrong."""

    seed: int
    recordings: int
    words: int
    wer: Annotated[float, Field(ge=0)]
    bar: Share


Printed = TypeVar("Printed", bound=BaseModel)


def run(report: Callable[[str], None], *, items: int = 200, rounds: int = 5, recordings: int = 100, seed: int | None = None) -> BenchResult:
    """Starts a cluster of its own with the nano models and examines them. Raises EngineError when the cluster or an examiner fails."""
    report("starting a cluster of its own")
    with Hearth(_profile()) as hearth:
        report(f"{items} questions of each skill, without and with constrained decoding")
        marks = _examined(hearth, EXAMINER, Marks, ["--model", MODEL, "--items", str(items)], seed)
        report(f"{rounds} times a hundred captions and their pictures")
        clip = _examined(hearth, CLIP_EXAMINER, ClipMarks, ["--model", CLIP, "--rounds", str(rounds)], seed)
        report(f"{recordings} recordings of speech")
        whisper = _examined(hearth, WHISPER_EXAMINER, WhisperMarks, ["--model", WHISPER, "--recordings", str(recordings)], seed)
    return summarise(marks, clip, whisper)


def summarise(marks: Marks, clip: ClipMarks, whisper: WhisperMarks) -> BenchResult:
    """The table and a verdict for each share that has something to reach. What follows a schema is judged as it is used: constrained."""
    columns = ("skill", "right, %", "right with constrained decoding, %", "to reach, %")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, 100 * share, 100 * marks.constrained[name], 100 * marks.bars[name] if name in marks.bars else None)
        for name, share in marks.free.items()
    )
    heard = (f"{WHISPER}: words", 100 * max(0.0, 1 - whisper.wer), None, 100 * (1 - whisper.bar))
    rows = (*rows, (f"{CLIP}: recall@1", 100 * clip.recall, None, 100 * clip.bar), heard)
    verdicts = (*(_verdict(name, bar, marks) for name, bar in marks.bars.items()), _found(clip), _heard(whisper))
    notes = (
        f"Seed {marks.seed}; {marks.items} questions of each skill. Names, values and sentence patterns are none of training's.",
        "Constrained decoding sends the JSON Schema along (response_format); skills that answer in free text have the same figure twice.",
        f"{CLIP}: seed {clip.seed}, {clip.rounds} times {clip.among} captions, each to find its own among as many pictures.",
        f"{WHISPER}: seed {whisper.seed}, {whisper.words} words in {whisper.recordings} recordings; no sentence or voice is training's.",
    )
    return BenchResult("nano", columns, rows, notes, verdicts)


def _verdict(name: str, bar: float, marks: Marks) -> Verdict:
    reached = marks.constrained[name]
    return Verdict(f"{name} on fresh held-out text, over HTTP", f">= {bar:.0%}", f"{reached:.1%}", reached >= bar)


def _found(clip: ClipMarks) -> Verdict:
    claim = f"{CLIP}: recall@1 among {clip.among} unseen combinations, over HTTP"
    return Verdict(claim, f">= {clip.bar:.0%}", f"{clip.recall:.1%}", clip.recall >= clip.bar)


def _heard(whisper: WhisperMarks) -> Verdict:
    claim = f"{WHISPER}: word error rate on unseen sentences in unseen voices, over HTTP"
    return Verdict(claim, f"<= {whisper.bar:.0%}", f"{whisper.wer:.1%}", whisper.wer <= whisper.bar)


def _profile() -> ProfileSpec:
    language = ServedModel(model=MODEL, pinned=True, context_tokens=CONTEXT, parallel=PARALLEL)
    others = (ServedModel(model=name, pinned=True) for name in (CLIP, WHISPER))
    return ProfileSpec(name="bench", description="The nano models alone.", devices="cpu", models=(language, *others))


def _examined(hearth: Hearth, examiner: str, marks: type[Printed], options: list[str], seed: int | None) -> Printed:
    """What an examiner says of the cluster, in the last line that it prints."""
    command = [sys.executable, "-m", examiner, "--url", hearth.url, "--key-file", str(hearth.home.admin_key), "--json", *options]
    ran = subprocess.run(
        command + (["--seed", str(seed)] if seed is not None else []), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        raise EngineError(f"The examiner {examiner} failed: {(ran.stderr or ran.stdout)[-2000:]}")
    try:
        return marks.model_validate(json.loads(ran.stdout.splitlines()[-1]))
    except (ValidationError, json.JSONDecodeError, IndexError) as error:
        raise EngineError(f"The examiner {examiner} printed no figures: {ran.stdout[-500:]}") from error
