"""A compact Llama decoder whose parameter names are exactly those of `transformers.LlamaForCausalLM`.

Training uses this module because it has nothing in it but the arithmetic; the export writes the same
tensors out and every engine loads them as an ordinary Llama checkpoint (a test compares the two).
"""

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from training.nano.masks import Mask, attend


class ShapeSpec(BaseModel):
    """The shape of the network. All sizes are in units of one (channels, heads, tokens)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vocab: int = Field(default=2048, description="Rows of the embedding, special tokens included.")
    width: int = Field(default=256, description="Channels of the residual stream.")
    layers: int = Field(default=5, description="Decoder blocks.")
    heads: int = Field(default=4, description="Query heads; width / heads is the head size.")
    kv_heads: int = Field(default=2, description="Key and value heads, shared by groups of query heads.")
    inner: int = Field(default=704, description="Channels inside the gated feed-forward block.")
    context: int = Field(default=2048, description="Positions the rotary table covers.")
    rope_theta: float = Field(default=100_000.0, description="Base of the rotary frequencies.")
    norm_eps: float = Field(default=1e-5, description="Added to the mean square in every norm.")

    @property
    def head_size(self) -> int:
        return self.width // self.heads


def rotary_table(shape: ShapeSpec) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each float32 [context, head_size], in the half-split layout transformers uses."""
    exponents = torch.arange(0, shape.head_size, 2, dtype=torch.float32) / shape.head_size
    angles = torch.outer(torch.arange(shape.context, dtype=torch.float32), shape.rope_theta**-exponents)
    doubled = torch.cat((angles, angles), dim=-1)
    return doubled.cos(), doubled.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn queries or keys [batch, heads, time, head_size] by the angles of their positions [time, head_size]."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


class Attention(nn.Module):
    def __init__(self, shape: ShapeSpec) -> None:
        super().__init__()
        self.shape = shape
        kv_width = shape.kv_heads * shape.head_size
        self.q_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.k_proj = nn.Linear(shape.width, kv_width, bias=False)
        self.v_proj = nn.Linear(shape.width, kv_width, bias=False)
        self.o_proj = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Mask | None = None) -> Tensor:
        batch, time, width = x.shape
        size = self.shape.head_size
        q = rotate(self.q_proj(x).view(batch, time, -1, size).transpose(1, 2), cos, sin)
        k = rotate(self.k_proj(x).view(batch, time, -1, size).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(batch, time, -1, size).transpose(1, 2)
        mixed = attend(q, k, v, mask)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, time, width))
        return out


class FeedForward(nn.Module):
    def __init__(self, shape: ShapeSpec) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.inner, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.inner, bias=False)
        self.down_proj = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    def __init__(self, shape: ShapeSpec) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = FeedForward(shape)
        self.input_layernorm = RMSNorm(shape.width, shape.norm_eps)
        self.post_attention_layernorm = RMSNorm(shape.width, shape.norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Mask | None = None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Decoder(nn.Module):
    """The stack without its head: token ids [batch, time] to normalised states [batch, time, width]."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: ShapeSpec) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab, shape.width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.width, shape.norm_eps)
        cos, sin = rotary_table(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, tokens: Tensor, mask: Mask | None = None) -> Tensor:
        time = tokens.shape[1]
        cos, sin = self.cos[:time], self.sin[:time]
        x = self.embed_tokens(tokens)
        for block in self.layers:
            x = block(x, cos, sin, mask)
        out: Tensor = self.norm(x)
        return out


class NanoLlama(nn.Module):
    """Token ids [batch, time] in, logits [batch, time, vocab] out; the head shares the embedding's weights.

    Without a mask, rows hold one sequence each, padded on the right: attention is causal, so padding never leaks back. With the mask of
    packed rows (:func:`training.nano.masks.packed_mask`), several stand in one row and none sees another; since rotary positions only
    say how far apart two tokens are, a sequence need not begin at position 0.
    """

    def __init__(self, shape: ShapeSpec, seed: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.model = Decoder(shape)
        self._initialise(torch.Generator().manual_seed(seed))

    def _initialise(self, generator: torch.Generator) -> None:
        """Small normal weights; what writes into the residual stream starts smaller the deeper the stack is."""
        shrink = (2 * self.shape.layers) ** -0.5
        for name, weight in self.named_parameters():
            if weight.ndim < 2:
                continue
            std = (
                0.02
                if "embed" in name
                else weight.shape[1] ** -0.5 * (shrink if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.0)
            )
            nn.init.normal_(weight, std=std, generator=generator)

    def forward(self, tokens: Tensor, mask: Mask | None = None) -> Tensor:
        return functional.linear(self.model(tokens, mask), self.model.embed_tokens.weight)

    @property
    def matrix_weights(self) -> int:
        """Weights that every token is multiplied with: 6 operations each for one token's forward and backward pass."""
        return sum(weight.numel() for weight in self.parameters() if weight.ndim == 2)
