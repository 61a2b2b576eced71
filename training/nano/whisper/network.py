"""Whisper with what helps it to learn: its decoder is told where to look, its encoder which sounds it hears.

A small Whisper learns what to write long before it learns where to look, and until then it hears nothing. Here the moment of every word is
known, so one head of each of the last two decoder layers is drawn to the word that comes next, and one of the first to the word last
written. Those two heads then give moments of words where the model is served.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import WhisperForConditionalGeneration
from transformers.models.whisper.modeling_whisper import sinusoids

from training.nano.whisper.batches import Batch
from training.nano.whisper.clips import NOT_ASKED, SOUNDS
from training.nano.whisper.spec import WhisperShape
from training.nano.whisper.words import END, START, token

LEAST = 1e-4  # of attention, so that its logarithm stays finite


@dataclass(frozen=True)
class Losses:
    """Means over a batch; ``right``: the share of tokens that the network would have written."""

    words: Tensor
    where: Tensor
    sounds: Tensor
    right: Tensor


class NanoWhisper(nn.Module):
    """``whisper`` is transformers' own; ``sounds`` is of training alone."""

    def __init__(self, shape: WhisperShape) -> None:
        super().__init__()
        config = shape.config()
        self.whisper = WhisperForConditionalGeneration._from_config(config, attn_implementation="eager")  # type: ignore[no-untyped-call]
        self.sounds = nn.Linear(shape.width, SOUNDS)
        decoder = self.whisper.model.decoder
        with torch.no_grad():
            decoder.embed_positions.weight.copy_(0.3 * sinusoids(*decoder.embed_positions.weight.shape))
        self.ahead = [shape.decoder_layers - 2, shape.decoder_layers - 1]

    def encoded(self, looks: Tensor, offset: int = 0) -> Tensor:
        """[clips, positions, width]. As transformers' own forward, which takes whole windows only."""
        encoder = self.whisper.model.encoder
        hidden = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(looks)))).permute(0, 2, 1)
        hidden = hidden + encoder.embed_positions.weight[offset : offset + hidden.shape[1]]
        for layer in encoder.layers:
            hidden = layer(hidden, None)
        normed: Tensor = encoder.layer_norm(hidden)
        return normed

    def forward(self, batch: Batch) -> Losses:
        heard = self.encoded(batch.looks, batch.offset)
        decoded = self.whisper.model.decoder(
            input_ids=batch.tokens, encoder_hidden_states=heard, use_cache=False, output_attentions=True, return_dict=True
        )
        logits = self.whisper.proj_out(decoded.last_hidden_state).flatten(0, 1).float()
        labels = batch.labels.flatten()
        asked = labels != NOT_ASKED
        words = functional.cross_entropy(logits, labels, ignore_index=NOT_ASKED)
        looked = decoded.cross_attentions
        where = [_looks_at(looked[layer][:, 0], batch.there) for layer in self.ahead]
        if self.ahead[0] > 0:
            where.append(_looks_at(looked[0][:, 0], batch.here))
        sounds = functional.cross_entropy(self.sounds(heard).flatten(0, 1).float(), batch.sounds.flatten())
        right = (logits.argmax(dim=1)[asked] == labels[asked]).float().mean()
        return Losses(words, torch.stack(where).mean(), sounds, right)

    @torch.inference_mode()
    def written(self, looks: Tensor, longest: int) -> list[list[int]]:
        """What it writes of each whole window, the likeliest token each time."""
        heard = self.encoded(looks)
        tokens = torch.full((len(looks), 1), token(START), device=looks.device)
        done = torch.zeros(len(looks), dtype=torch.bool, device=looks.device)
        for _ in range(longest):
            decoded = self.whisper.model.decoder(input_ids=tokens, encoder_hidden_states=heard, use_cache=False)
            following = self.whisper.proj_out(decoded.last_hidden_state[:, -1]).argmax(dim=1)
            tokens = torch.cat((tokens, following.where(~done, token(END))[:, None]), dim=1)
            done |= following == token(END)
            if bool(done.all()):
                break
        written: list[list[int]] = tokens[:, 1:].tolist()
        return written


def _looks_at(attention: Tensor, places: Tensor) -> Tensor:
    """How far the attention [clips, length, positions] of one head is from the places where it should be."""
    positions = torch.arange(attention.shape[2], device=attention.device)
    within = (positions >= places[..., :1]) & (positions < places[..., 1:])
    asked = within.any(dim=2)
    inside = (attention * within).sum(dim=2).float()
    return -(inside[asked] + LEAST).log().sum() / asked.sum().clamp(min=1)
