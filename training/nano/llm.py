"""Train the nano language model: python -m training.nano.llm --minutes 45 --device auto --out runs/nano

Run the same command again after an interruption and it goes on from the last checkpoint.
"""

import itertools
import math
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import torch
import typer
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from training.nano.batches import Batch, Encoder, batches
from training.nano.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.nano.corpus import Stream, conversations
from training.nano.exam import answer_with, draw_items, mark
from training.nano.network import NanoLlama
from training.nano.optimizer import Optimizer
from training.nano.spec import RunSpec
from training.nano.tokens import save_tokenizer, train_tokenizer

TOKENIZER_SAMPLE = 12_000  # conversations at full difficulty, and a quarter as many of the easy ones


class Diverged(RuntimeError):
    """The loss is no longer a number; the last good checkpoint is kept."""


class Run:
    """One training run in one folder: the state that moves, and the steps that move it."""

    def __init__(self, spec: RunSpec, folder: Path, device: str) -> None:
        self.spec, self.folder, self.device = spec, folder, device
        self.tokenizer = prepare_tokenizer(spec, folder)
        self.model = NanoLlama(spec.shape, spec.seed).to(device)
        self.optimizer = Optimizer(self.model, spec.muon_rate, spec.adam_rate)
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.loss_of = torch.compile(self.loss) if device == "cuda" else self.loss
        self._restore()

    @property
    def progress(self) -> float:
        return min(1.0, self.seconds / (60 * self.spec.minutes))

    def _restore(self) -> None:
        saved = load_checkpoint(self.folder)
        if saved is None:
            return
        self.model.load_state_dict(saved.model)
        self.optimizer.restore(saved.optimizer)
        self.step, self.tokens, self.seconds = saved.step, saved.tokens, saved.seconds
        say(f"resumed at step {self.step} after {self.seconds / 60:.1f} minutes")

    def save(self) -> None:
        save_checkpoint(self.folder, Checkpoint(self.model.state_dict(), self.optimizer.state(), self.step, self.tokens, self.seconds))

    def loss(self, tokens: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted loss that is minimised, and the plain loss over answer tokens alone, both scalars."""
        logits = self.model(tokens[:, :-1]).flatten(0, 1).float()
        each = functional.cross_entropy(logits, tokens[:, 1:].flatten(), reduction="none")
        weight = weights[:, 1:].flatten()
        answers = (weight == 1.0).float()
        return (each * weight).sum() / weight.sum(), (each * answers).sum().detach() / answers.sum().clamp(min=1)

    def update(self, batch: Batch) -> float:
        """One optimizer step; returns the loss over answer tokens. Raises Diverged before a bad number reaches the weights."""
        autocast = (
            torch.autocast(self.device, dtype=torch.bfloat16)
            if torch.backends.cpu.get_cpu_capability() == "AVX512" or self.device == "cuda"
            else nullcontext()
        )
        with autocast:
            loss, answer_loss = self.loss_of(batch.tokens.to(self.device), batch.weights.to(self.device))
        if not math.isfinite(loss.item()):
            raise Diverged(f"loss became {loss.item()} at step {self.step}; the checkpoint before it stands in {self.folder}")
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if not math.isfinite(norm.item()):
            raise Diverged(f"the gradient became {norm.item()} at step {self.step}; the checkpoint before it stands in {self.folder}")
        self.optimizer.step(self.spec.schedule(self.step, self.progress))
        self.model.zero_grad()
        self.step += 1
        self.tokens += batch.tokens.numel()
        return answer_loss.item()

    def examine(self, count: int = 96) -> str:
        """A line with the held-out scores of this moment, and two sample answers."""
        items = draw_items(self.step, count)
        answers = answer_with(self.model, self.tokenizer)([item.prompt for item in items])
        score = mark(items, answers)
        samples = " ".join(f"[{item.answer} -> {answer}]" for item, answer in list(zip(items, answers, strict=True))[:3])
        return f"held-out exact {score.exact:.0%} abstention {score.abstention:.0%} false abstention {score.false_abstention:.0%} {samples}"


def prepare_tokenizer(spec: RunSpec, folder: Path) -> Tokenizer:
    """The run's tokenizer, trained once and then read back."""
    path = folder / "tokenizer" / "tokenizer.json"
    if not path.exists():
        hard = itertools.islice(conversations(spec.seed + 1000, "train", 1.0), TOKENIZER_SAMPLE)
        easy = itertools.islice(conversations(spec.seed + 2000, "train", 0.3), TOKENIZER_SAMPLE // 4)
        save_tokenizer(train_tokenizer(itertools.chain(hard, easy), spec.shape.vocab), path.parent, spec.shape.context)
    return Tokenizer.from_file(str(path))


def train(run: Run) -> None:
    """Train until the run's minutes are used up; writes checkpoints and lines of progress on the way."""
    spec = run.spec
    stream = Stream(spec.seed + 7919 * run.step, "train")  # a resumed run goes on with new text rather than repeating the old
    feed = batches(stream, Encoder(run.tokenizer, spec.context_weight), spec.tokens_per_step, spec.longest, progress_of(run))
    begun = last = time.monotonic()
    earlier, saved, examined, seen, answer_loss = run.seconds, run.seconds, run.seconds, run.tokens, 0.0
    while run.progress < 1.0:
        answer_loss += run.update(next(feed))
        now = time.monotonic()
        run.seconds = earlier + now - begun
        if run.step % spec.log_steps == 0:
            speed = (run.tokens - seen) / (now - last)
            say(f"step {run.step} {run.progress:.0%} answer loss {answer_loss / spec.log_steps:.3f} {speed:.0f} tokens/s")
            last, seen, answer_loss = now, run.tokens, 0.0
        if run.seconds - saved >= spec.checkpoint_seconds:
            run.save()
            saved = run.seconds
        if run.seconds - examined >= spec.exam_seconds:
            say(run.examine())
            examined = run.seconds
    run.save()


def progress_of(run: Run) -> Iterator[float]:
    while True:
        yield run.progress


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def choose_device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def main(
    minutes: Annotated[float, typer.Option(help="Minutes of training.")] = 45.0,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder of the run: spec, tokenizer, checkpoint.")] = Path("runs/nano"),
    seed: Annotated[int, typer.Option(help="Seed of weights and text.")] = 1,
) -> None:
    """Train the nano language model."""
    out.mkdir(parents=True, exist_ok=True)
    spec = RunSpec.load(out) if (out / "run.json").exists() else RunSpec(minutes=minutes, seed=seed)
    spec.save(out)
    torch.set_num_threads(spec.threads)
    run = Run(spec, out, choose_device(device))
    say(f"{sum(w.numel() for w in run.model.parameters()):,} parameters on {run.device}; run folder {out}")
    train(run)
    say(run.examine(400))


if __name__ == "__main__":
    typer.run(main)
