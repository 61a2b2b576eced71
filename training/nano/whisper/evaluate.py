"""Score the nano Whisper on fresh held-out speech: python -m training.nano.whisper.evaluate --recordings 100

The word error rate over recordings of one to three sentences that training never says, in voices that it never uses, in rooms and noise; a
fresh seed each time. With --url the model is asked over HTTP as it is served.
"""

from __future__ import annotations

import json
import random
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Annotated

import httpx
import numpy as np
import typer
from faster_whisper import WhisperModel  # type: ignore[import-untyped]

from cluster.errors import EngineError, HearthError
from training.nano.responders import PATIENCE_S, Server
from training.nano.whisper.exam import BAR, Ear, hearing, recordings
from training.nano.whisper.speech import RATE, Sound

SHIPPED = Path(__file__).parents[1] / "weights" / "hearth-nano-whisper"


@contextmanager
def exported(weights: Path) -> Iterator[Ear]:
    """Exported files, in this process."""
    model = WhisperModel(str(weights), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)

    def heard(sound: Sound) -> str:
        segments, _ = model.transcribe(sound, language="en")
        return "".join(segment.text for segment in segments)

    yield heard


@contextmanager
def served(server: Server) -> Iterator[Ear]:
    """The model as a server serves it. Raises EngineError when it refuses."""
    shown = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S, headers=shown) as client:

        def heard(sound: Sound) -> str:
            given = {"file": ("speech.wav", wav(sound), "audio/wav")}
            answer = client.post("/v1/audio/transcriptions", files=given, data={"model": server.model})
            reply = answer.json()
            if "text" not in reply:
                raise EngineError(f"The model refused speech: {reply.get('error', {}).get('message', answer.text[:300])}")
            return str(reply["text"])

        yield heard


def wav(sound: Sound) -> bytes:
    """16 bits, one channel."""
    held = BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound, -1.0, 1.0) * 32767).astype("<i2").tobytes())
    return held.getvalue()


def main(
    weights: Annotated[Path, typer.Option(help="Folder of exported files.")] = SHIPPED,
    count: Annotated[int, typer.Option("--recordings", min=1, help="Recordings to hear.")] = 100,
    seed: Annotated[int | None, typer.Option(help="Seed of the speech; a fresh one if absent.")] = None,
    url: Annotated[str, typer.Option(help="Ask the server at this address instead, such as http://127.0.0.1:8003.")] = "",
    model: Annotated[str, typer.Option(help="The model's name on that server.")] = "hearth-nano-whisper",
    key_file: Annotated[Path | None, typer.Option(help="File with the API key for that server.")] = None,
    print_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON and nothing else.")] = False,
) -> None:
    """Score the nano Whisper."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    key = key_file.read_text(encoding="ascii").strip() if key_file else ""
    try:
        with served(Server(url, model, key)) if url else exported(weights) as ear:
            found = hearing(ear, recordings(seed, count), 5)
    except HearthError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if print_json:
        sys.stdout.write(json.dumps({"seed": seed, "recordings": count, "words": found.words, "wer": found.rate, "bar": BAR}) + "\n")
        return
    sys.stdout.write(f"seed {seed}: word error rate {found.rate:.1%} of {found.words} words in {count} recordings\n")
    sys.stdout.writelines(f"    {said}\n    {heard.strip()}\n\n" for said, heard in found.examples)


if __name__ == "__main__":
    typer.run(main)
