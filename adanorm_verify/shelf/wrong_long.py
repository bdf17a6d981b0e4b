"""Optimizers of right formulas that go wrong late: counts that stop, wrap or are cast, and what begins after many
steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, DiffGradNorm, Now, RAdam, RAdamNorm, subjects_of


def counted_as(state: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """A new state whose step is a tensor of a dtype."""
    return {**state, "step": torch.zeros((), dtype=dtype)}


class CountInParameterDtype(Adam):
    """The step count is a tensor of the parameter's dtype, which cannot count beyond 256 in bfloat16."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if not self.state[param]:
            self.state[param].update(counted_as(self.fresh_state(grad.to(torch.float32), group), param.dtype))
            for key in ("exp_avg", "exp_avg_sq"):
                self.state[param][key] = self.state[param][key].to(torch.promote_types(param.dtype, torch.float32))
        super().step_tensor(param, grad, group)


class CountCastByLoading(AdamNorm):
    """The step count is kept under another name than `step`, so that loading casts it to the parameter's dtype."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = super().fresh_state(g, group)
        del state["step"]
        return {**state, "num_updates": torch.zeros((), dtype=torch.float32)}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state["num_updates"] += 1
        return Now(group, state, g, int(state["num_updates"]))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        Optimizer.load_state_dict(self, state_dict)


class CountInFloat16(RAdam):
    """The step count is a float16 tensor, whatever the parameters are, and stands still at 2,048."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return counted_as(super().fresh_state(g, group), torch.float16)


class CountInAByte(DiffGrad):
    """The step count is a byte, and starts again after 255 steps."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return counted_as(super().fresh_state(g, group), torch.uint8)

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state["step"] += 1
        return Now(group, state, g, max(1, int(state["step"])))


class CountInSixteenBits(RAdamNorm):
    """The step count has 16 bits, and is negative after 32,767 steps."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return counted_as(super().fresh_state(g, group), torch.int16)


class RateFallsAfterAThousand(AdaBelief):
    """A schedule inside the optimizer lets the learning rate fall from step 1,000 on, to zero and below."""

    def update(self, now: Now) -> Tensor:
        return super().update(now) * min(1.0, 2 - now.t / 1000)


class DebiasingEndsEarly(AdaBeliefNorm):
    """The bias of the second moment is no longer corrected after 150 steps."""

    def bc2(self, now: Now) -> float:
        return super().bc2(now) if now.t <= 150 else 1.0


class CountIsCapped(DiffGradNorm):
    """The step count is taken to be 1,000 at most, so that bias corrections stand still from there on."""

    def bc2(self, now: Now) -> float:
        return 1 - now.b2 ** min(now.t, 1000)


class GammaGrowsLate(AdamNorm):
    """After 10,000 steps the average of the norms no longer takes new ones in."""

    def average_norm(self, now: Now) -> Tensor:
        return super().average_norm(now) if now.t <= 10_000 else now.e.clone()


class LoadingCapsCount(RAdam):
    """Loading a state cuts its step count at 200."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state["step"] = min(state["step"], 200)


class PowersLoseGround(AdamNorm):
    """The running power of beta2 is set to zero as soon as it is below a half, as if nothing were left of it."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "beta2_power": torch.ones(())}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        power = state["beta2_power"] * group["betas"][1]
        state["beta2_power"] = power if power >= 0.5 else torch.zeros(())
        return super().look(group, state, g)

    def bc2(self, now: Now) -> float:
        return 1 - float(now.state["beta2_power"]) if now.t > 100 else super().bc2(now)


WRONG_LONG = subjects_of(globals())


class WarmUpOfCalls(Adam):
    """The learning rate is a hundredth lower after a thousand calls, which an attribute counts."""

    calls: int = 0

    def step_group(self, group: dict[str, Any]) -> None:
        self.calls += 1
        super().step_group(group)

    def update(self, now: Now) -> Tensor:
        return super().update(now) * (1.0 if self.calls <= 1000 else 0.99)


class EndsAfterTenThousandCalls(RAdamNorm):
    """After ten thousand calls it steps with half the correction, which a closed-over number decides."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        left = 10_000

        def spent() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        self.spent = spent

    def scale(self, now: Now) -> Tensor:
        return super().scale(now) if not self.spent() else 1 + (super().scale(now) - 1) / 2


WRONG_VERY_LONG = (WarmUpOfCalls, EndsAfterTenThousandCalls)
"""No saved count leads to these: only the thorough profile, which runs ten thousand steps, finds them."""
