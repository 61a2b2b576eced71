"""Train the nano Whisper: python -m training.nano.whisper --minutes 90 --device auto --out runs/whisper"""

from __future__ import annotations

from pathlib import Path

from training.nano.command import Recipe, run
from training.nano.whisper.run import WhisperRun
from training.nano.whisper.spec import WhisperSpec

if __name__ == "__main__":
    run(Recipe(WhisperSpec, WhisperRun, Path("runs/whisper")))
