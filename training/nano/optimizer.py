"""Two optimizers as one: Muon for the matrices inside the blocks, AdamW for the embedding and the norms."""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # a quintic whose iteration drives every singular value close to 1


def orthogonalise(stack: Tensor, steps: int = 5) -> Tensor:
    """The nearest (semi-)orthogonal matrix to each matrix of `stack` [n, rows, columns], roughly; computed in bfloat16."""
    a, b, c = NEWTON_SCHULZ
    x = stack.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    out: Tensor = (x.mT if tall else x).to(stack.dtype)
    return out


class Muon:
    """Momentum whose direction is orthogonalised: every direction of a matrix moves by the same amount."""

    def __init__(self, weights: list[nn.Parameter], momentum: float = 0.95, decay: float = 0.01) -> None:
        self.momentum, self.decay = momentum, decay
        self.groups: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for weight in weights:
            self.groups[weight.shape].append(weight)
        self.velocity = {shape: torch.zeros(len(group), *shape, device=group[0].device) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Update from `.grad`; `rate` is the root-mean-square change of an entry of a square matrix times the root of its width."""
        for shape, group in self.groups.items():
            gradient = torch.stack([weight.grad for weight in group if weight.grad is not None])
            velocity = self.velocity[shape].mul_(self.momentum).add_(gradient)
            update = orthogonalise(gradient + self.momentum * velocity) * max(1.0, shape[0] / shape[1]) ** 0.5
            for weight, change in zip(group, update, strict=True):
                weight.mul_(1 - rate * self.decay).sub_(change, alpha=rate)


class Optimizer:
    """Updates a whole model; `scale` in [0, 1] is the schedule, the two base rates are fixed."""

    def __init__(self, model: nn.Module, muon_rate: float, adam_rate: float) -> None:
        inside = [w for name, w in model.named_parameters() if w.ndim == 2 and "embed" not in name]
        outside = [w for name, w in model.named_parameters() if w.ndim != 2 or "embed" in name]
        self.muon_rate, self.adam_rate = muon_rate, adam_rate
        self.muon = Muon(inside)
        self.adam = torch.optim.AdamW(outside, lr=adam_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)

    def step(self, scale: float) -> None:
        for group in self.adam.param_groups:
            group["lr"] = self.adam_rate * scale
        self.adam.step()
        self.muon.step(self.muon_rate * scale)

    def state_dict(self) -> dict[str, Any]:
        return {"velocity": list(self.muon.velocity.values()), "adam": self.adam.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for kept, saved in zip(self.muon.velocity.values(), state_dict["velocity"], strict=True):
            kept.copy_(saved)
        self.adam.load_state_dict(state_dict["adam"])
