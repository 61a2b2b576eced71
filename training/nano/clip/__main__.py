"""Train the nano CLIP: python -m training.nano.clip --minutes 60 --device auto --out runs/clip"""

from __future__ import annotations

from pathlib import Path

from training.nano.clip.run import ClipRun
from training.nano.clip.spec import ClipSpec
from training.nano.command import Recipe, run

if __name__ == "__main__":
    run(Recipe(ClipSpec, ClipRun, Path("runs/clip")))
