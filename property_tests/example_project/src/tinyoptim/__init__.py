"""AdamNorm (Dubey, Singh and Chaudhuri, WACV 2023, Algorithm 2), written by hand."""

import torch
from torch.optim import Optimizer

__all__ = ["AdamNorm", "DraftAdamNorm", "ScaledAdamNorm"]


class AdamNorm(Optimizer):
    """Adam whose first moment averages gradients that are lifted to the average of their past norms."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), gamma=0.95, eps=1e-8):
        super().__init__(params, {"lr": lr, "betas": betas, "gamma": gamma, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        moving = [(p, group) for group in self.param_groups for p in group["params"] if p.grad is not None]
        if any(p.grad.is_sparse or p.is_complex() for p, _ in moving):
            raise RuntimeError("AdamNorm takes dense real gradients")
        for p, group in moving:
            self.update(p, p.grad, self.state[p], group)
        return loss

    def update(self, p, g, state, group):
        (beta1, beta2), eps = group["betas"], group["eps"]
        if not state:
            state.update(
                step=0, exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p), exp_grad_norm=p.new_zeros(())
            )
        state["step"] += 1
        m, v, t = state["exp_avg"], state["exp_avg_sq"], state["step"]
        s = self.lifted(g, state, group["gamma"])
        m.lerp_(s, 1 - beta1)
        squared = self.squared(g, s)
        v.mul_(beta2).addcmul_(squared, squared, value=1 - beta2)
        p.sub_(group["lr"] * (m / (1 - beta1**t)) / self.denominator(v, 1 - beta2**t, eps))

    def lifted(self, g, state, gamma):
        norm, average = g.norm(), state["exp_grad_norm"]
        average.lerp_(norm, 1 - gamma)
        return torch.where((average > norm) & (norm > 0), average / norm * g, g)

    def squared(self, g, s):
        return g

    def denominator(self, v, correction, eps):
        return (v / correction).sqrt() + eps


class ScaledAdamNorm(AdamNorm):
    """`AdamNorm` with eps added before the bias correction of v, as some packages have it."""

    def denominator(self, v, correction, eps):
        return (v.sqrt() + eps) / correction**0.5


class DraftAdamNorm(AdamNorm):
    """`AdamNorm` whose second moment averages the lifted gradient; the paper keeps the original one there."""

    def squared(self, g, s):
        return s
