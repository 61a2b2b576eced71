"""What one training run of the nano Whisper is: every number that decides its outcome."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from transformers import WhisperConfig

from training.nano.training_spec import Size, TrainingSpec
from training.nano.whisper.mels import BANDS
from training.nano.whisper.words import END, START, token, tokenizer

POSITIONS = 1500  # of the window, after the convolutions
LONGEST = 448  # tokens of a window, with what was said before it


class WhisperShape(BaseModel):
    """The network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = 128
    heads: int = 4
    inner: int = Field(default=512, description="Width between the two matrices of a block.")
    encoder_layers: int = 3
    decoder_layers: int = Field(default=3, ge=2, description="The last two look where the next word is; the first, where the last one was.")

    def config(self) -> WhisperConfig:
        """As transformers has it."""
        return WhisperConfig(
            vocab_size=tokenizer().get_vocab_size(),
            num_mel_bins=BANDS,
            d_model=self.width,
            encoder_layers=self.encoder_layers,
            decoder_layers=self.decoder_layers,
            encoder_attention_heads=self.heads,
            decoder_attention_heads=self.heads,
            encoder_ffn_dim=self.inner,
            decoder_ffn_dim=self.inner,
            max_source_positions=POSITIONS,
            max_target_positions=LONGEST,
            init_std=0.06,
            pad_token_id=token(END),
            bos_token_id=token(END),
            eos_token_id=token(END),
            decoder_start_token_id=token(START),
        )


# Small learns within an hour or two on one core; full is what a card trains in minutes.
SHAPES: dict[Size, WhisperShape] = {
    "small": WhisperShape(),
    "full": WhisperShape(width=192, heads=6, inner=768, encoder_layers=4, decoder_layers=4),
}


class WhisperSpec(TrainingSpec):
    """A training run of the nano Whisper. Its curriculum ends with the minutes, too."""

    of = "nano Whisper"

    minutes: float = Field(default=90.0, gt=0, description="Minutes of training; the schedule and the curriculum end with them.")
    exam_seconds: float = Field(default=300.0, gt=0, description="Seconds between held-out examinations.")
    shape: WhisperShape = Field(default=WhisperShape(), description="The network.")
    seconds: float = Field(
        default=100.0, gt=0, description="Of sound in one update of one worker, the silence that fills clips up included."
    )
    kept: int = Field(default=3000, ge=1, description="Utterances that are kept to be heard again, each time with other noise.")
    fresh: int = Field(default=8, ge=1, description="Utterances said for each update; the oldest make room.")
    muon_rate: float = Field(default=0.015, gt=0, description="Peak learning rate of the matrices inside the blocks.")
    adam_rate: float = Field(default=0.003, gt=0, description="Peak learning rate of the embedding, the convolutions and the norms.")
    where_weight: float = Field(default=1.0, ge=0, description="Weight of looking at the word that comes next, beside saying it.")
    sounds_weight: float = Field(default=0.6, ge=0, description="Weight of knowing which sound is heard, beside the words.")
    whole_share: float = Field(default=0.25, ge=0, le=1, description="Share of updates, later on, whose clips fill the window of 30 s.")

    @classmethod
    def on(cls, device: str, minutes: float, seed: int, size: Size) -> WhisperSpec:
        """The numbers that suit a device."""
        if device == "cpu":
            return cls(minutes=minutes, seed=seed, shape=SHAPES[size])
        return cls(minutes=minutes, seed=seed, shape=SHAPES[size], seconds=960.0, producers=12, warmup_steps=300, log_steps=50)

    def schedule(self, step: int, progress: float) -> float:
        """The factor on both rates: up over the first steps, flat for a third, then down in a straight line to zero."""
        return self.warmth(step) * min(1.0, 1.5 * (1.0 - progress))
