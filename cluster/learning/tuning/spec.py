"""What a training is asked to do: the spec of its job, made by the API and read by ``training/finetune``."""

from __future__ import annotations

import re
import uuid
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cluster.batches.names import file_name
from cluster.learning.tuning.search import Search

KIND = "fine_tuning"
# Anybody who asks for an answer has the machine first; batches go before as well.
PRIORITY = -20
NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
# Longest name of a file or of a version of a dataset.
MOST_NAME = 300
# How a version of a dataset is told from a file: dataset:<name or id>, or dataset:<name or id>:<version>.
DATASET = "dataset:"
_UNFIT = re.compile(r"[^a-z0-9._-]+")


class Hyperparameters(BaseModel):
    """None: chosen for the model and the amount of data when the training begins (see :meth:`settled`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: float | None = Field(None, gt=0, le=100, description="Times every example is learned from; null: 3, more of few examples.")
    batch_size: int | None = Field(
        None, ge=1, le=4096, description="Examples in one step of the optimizer, those of all workers together; null: up to 16."
    )
    learning_rate: float | None = Field(None, gt=0, le=0.1, description="Highest learning rate; null: by the width of the model.")
    multiplier: float = Field(1.0, gt=0, le=100, description="What the learning rate is multiplied by.")
    warmup: float = Field(0.05, ge=0, lt=1, description="Share of the steps in which the learning rate rises; then it falls as a cosine.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="How much weights shrink with each step, times the learning rate.")
    clip: float = Field(1.0, gt=0, description="Length to which the gradient of a step is cut.")
    rank: int = Field(16, ge=1, le=256, description="Rank of the adapter's matrices.")
    alpha: float = Field(32.0, gt=0, le=4096, description="What an adapter adds is multiplied by alpha / rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of an adapter's inputs that are left out at random while it learns.")
    max_tokens: int = Field(
        2048, ge=16, le=131_072, description="Longest example in tokens, and most tokens computed at once; short examples share a pass."
    )
    overlong: Literal["drop", "truncate"] = Field(
        "drop", description="What becomes of longer examples; `truncate` leaves out their beginning, so that the answer stays."
    )
    held_out: float = Field(0.1, ge=0, lt=1, description="Share of the examples kept for judging, where no validation file is named.")
    evaluations: int = Field(10, ge=1, le=1000, description="Times the held-out examples are looked at.")
    patience: int = Field(3, ge=0, le=1000, description="Looks without a better held-out loss after which it stops early; 0: never.")
    beta: float = Field(
        0.1,
        gt=0,
        le=10,
        description="With the method `dpo`: how much an answer's reward counts; small lets it go far from the base.",
    )
    gradient_checkpointing: bool = Field(False, description="Compute the forward pass twice and hold less: slower, for large models.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the order of examples, and of the first weights.")
    search: Search | None = Field(
        None, description="Trainings with other parameters, one after another, of which the one with the lowest held-out loss is kept."
    )

    def settled(self, examples: int, width: int, method: Method) -> Hyperparameters:
        """With a number wherever there was none, for so many examples and a model of hidden size ``width``.

        The learning rate follows "LoRA Without Regret" (Thinking Machines Lab, 2025): ten times that of full fine-tuning, and lower for
        wider models. Few examples are seen more often, in smaller batches, so that there are steps enough to learn in.
        Preferences are learned at a tenth of it; the defaults of TRL 1.16 for the two, 1e-6 and 2e-5, are a twentieth apart.
        """
        usual = 5e-4 * (2000 / width) ** 0.78 / (10 if method.type == "dpo" else 1)
        rate = self.learning_rate if self.learning_rate is not None else usual
        chosen = {
            "epochs": self.epochs if self.epochs is not None else min(10.0, max(3.0, 1500 / examples)),
            "batch_size": self.batch_size if self.batch_size is not None else min(16, max(1, examples // 16)),
            "learning_rate": rate,
        }
        return self.model_copy(update=chosen)


class Method(BaseModel):
    """How examples become an adapter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["supervised", "dpo"] = Field(
        "supervised",
        description="`supervised`: answers are learned; `dpo`: of two answers one is preferred (Direct Preference Optimization).",
    )
    quantization: Literal["nf4"] | None = Field(
        None,
        description="`nf4`: the base is held in 4 bits while the adapter learns (QLoRA), in about a fifth of the memory; the adapter "
        "is as any other.",
    )


SUPERVISED = Method()


class DataFile(BaseModel):
    """A file of examples as OpenAI's API keeps it. ``sha256``: of its bytes, when it was examined."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_id: uuid.UUID
    sha256: str
    examples: int

    @property
    def name(self) -> str:
        return file_name(self.file_id)


class DataVersion(BaseModel):
    """A version of a dataset: of its training part, ``examples``, is learned, and what it holds out judges. ``sha256``: the version's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset_id: uuid.UUID
    version: int
    sha256: str
    examples: int
    held_out: int = 0

    @property
    def name(self) -> str:
        return f"{DATASET}{self.dataset_id}:{self.version}"


class TuningSpec(BaseModel):
    """``name``: the adapter's, made from ``suffix``. ``labels``: OpenAI's ``metadata``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    name: str = Field(pattern=NAME)
    train: DataFile | DataVersion
    validation: DataFile | None = None
    parameters: Hyperparameters = Hyperparameters()
    method: Method = SUPERVISED
    workers: int = Field(1, ge=1)
    suffix: str | None = None
    labels: dict[str, str] | None = None

    @model_validator(mode="after")
    def _different(self) -> TuningSpec:
        if self.validation is not None and self.validation.sha256 == self.train.sha256:
            raise ValueError("the validation file holds the same as the training file; what is learned from cannot judge")
        return self


def name_of(suffix: str | None) -> str:
    """A name for an adapter from what somebody called it; with none, one that nobody has yet."""
    plain = _UNFIT.sub("-", (suffix or "").lower()).strip("-._")[:63]
    return plain if plain and plain != "base" else f"ft-{uuid.uuid4().hex[:10]}"
