"""Train the nano language model: python -m training.nano.llm --minutes 20 --device auto --out runs/nano"""

from __future__ import annotations

from pathlib import Path

from training.nano.command import Recipe, run
from training.nano.run import Run
from training.nano.spec import RunSpec

if __name__ == "__main__":
    run(Recipe(RunSpec, Run, Path("runs/nano")))
