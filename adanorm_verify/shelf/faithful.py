"""Faithful rewrites: other orders of operations, other state, other ways to the norm; the same algorithms."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from . import _base
from ._base import (
    AdaBelief,
    AdaBeliefNorm,
    Adam,
    AdamNorm,
    Corrected,
    DiffGrad,
    DiffGradNorm,
    Now,
    RAdam,
    RAdamNorm,
    subjects_of,
)
from .faithful_amsgrad import FAITHFUL_AMSGRAD
from .faithful_changing import FAITHFUL_CHANGING
from .faithful_norms import FAITHFUL_NORMS
from .faithful_paths_asked import FAITHFUL_PATHS_ASKED
from .faithful_representations import FAITHFUL_REPRESENTATIONS
from .faithful_saving import FAITHFUL_SAVING
from .faithful_states import FAITHFUL_STATES


class LerpMoments(Adam):
    """Both moments are interpolated by `lerp`."""

    def first_moment(self, now: Now) -> Tensor:
        return torch.lerp(now.m, now.s, 1 - now.b1)

    def second_moment(self, now: Now) -> Tensor:
        return torch.lerp(now.v, now.g**2, 1 - now.b2)


class InPlaceMoments(AdamNorm):
    """Both moments are multiplied and added to in place, and the step is one `addcdiv`."""

    def remember(self, now: Now) -> None:
        now.m.mul_(now.b1).add_(now.s, alpha=1 - now.b1)
        now.v.mul_(now.b2).addcmul_(now.g, now.g, value=1 - now.b2)

    def update(self, now: Now) -> Tensor:
        return torch.zeros_like(now.m).addcdiv_(now.m, self.denominator(now), value=now.lr / self.bc1(now))


class IncrementMoment(RAdamNorm):
    """The first moment moves by `(1 - beta1)(s - m)`."""

    def first_moment(self, now: Now) -> Tensor:
        return now.m + (1 - now.b1) * (now.s - now.m)


class FoldedStepSize(Adam):
    """Both bias corrections are folded into the step size, and `eps` is scaled to match."""

    def update(self, now: Now) -> Tensor:
        root = math.sqrt(self.bc2(now))
        return now.lr * root / self.bc1(now) * now.m / (now.v.sqrt() + now.eps * root)


class FoldedFriction(DiffGradNorm):
    """The bias corrections are folded into the step size, and the friction multiplies the moment first."""

    def direction(self, now: Now) -> Tensor:
        root = math.sqrt(self.bc2(now))
        return root / self.bc1(now) * (now.m * self.friction(now) / (now.v.sqrt() + now.eps * root))


class DividedDenominator(AdaBelief):
    """The root is divided by the root of its bias correction, and the learning rate is applied last."""

    def denominator(self, now: Now) -> Tensor:
        return now.v.sqrt() / math.sqrt(self.bc2(now)) + now.eps

    def update(self, now: Now) -> Tensor:
        return now.m / self.denominator(now) * (now.lr / self.bc1(now))


class ReciprocalDenominator(AdaBeliefNorm):
    """The moment is multiplied by the reciprocal of the denominator."""

    def direction(self, now: Now) -> Tensor:
        return self.numerator(now) * self.denominator(now).reciprocal()


class RunningPowers(AdamNorm):
    """The powers of the betas are running products in the state."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "beta1_power": 1.0, "beta2_power": 1.0}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state["beta1_power"] *= group["betas"][0]
        state["beta2_power"] *= group["betas"][1]
        return super().look(group, state, g)

    def bc1(self, now: Now) -> float:
        return 1 - now.state["beta1_power"]

    def bc2(self, now: Now) -> float:
        return 1 - now.state["beta2_power"]


class ExponentialPowers(RAdam):
    """The bias corrections are `-expm1(t log beta)`, which loses nothing to the subtraction from one."""

    rounding_heavy = True  # early on, rho cancels: powers computed either way part it by 1e-11

    def bc1(self, now: Now) -> float:
        return -math.expm1(now.t * math.log(now.b1)) if now.b1 else 1.0

    def bc2(self, now: Now) -> float:
        return -math.expm1(now.t * math.log(now.b2)) if now.b2 else 1.0

    def rho(self, now: Now) -> float:
        return self.rho_inf(now) - 2 * now.t * now.b2**now.t / self.bc2(now)


class RectificationOfRoots(RAdamNorm):
    """The rectification is a product of roots, and the adaptive branch divides the corrected moments."""

    def rectification(self, now: Now) -> float:
        far, near = self.rho_inf(now), self.rho(now)
        return math.sqrt((near - 4) / (far - 4)) * math.sqrt((near - 2) / (far - 2)) * math.sqrt(far / near)

    def rectified(self, now: Now) -> Tensor:
        root = math.sqrt(self.bc2(now))
        return self.rectification(now) * self.numerator(now) / (now.v.sqrt() / root + now.eps / root)


class SigmoidFriction(DiffGrad):
    """The friction is `torch.sigmoid`."""

    def friction(self, now: Now) -> Tensor:
        return torch.sigmoid(self.change(now).abs())


class TanhFriction(DiffGradNorm):
    """The friction is half of one plus a hyperbolic tangent."""

    def friction(self, now: Now) -> Tensor:
        return 0.5 + 0.5 * torch.tanh(self.change(now).abs() / 2)


class FrictionOnNumerator(DiffGrad):
    """The friction multiplies the moment before the division, and the difference is taken the other way."""

    def change(self, now: Now) -> Tensor:
        return now.state["previous_grad"] - now.g

    def direction(self, now: Now) -> Tensor:
        return self.friction(now) * self.numerator(now) / self.denominator(now)


class BeliefFromOldMoment(AdaBelief):
    """The belief is `beta1 (g - m_old)`, which is `g - m_new`."""

    def belief(self, now: Now) -> Tensor:
        return now.b1 * (now.s - now.old_m)


class BeliefInPlace(AdaBeliefNorm):
    """The belief is `m - s`, squared by `addcmul`."""

    def second_moment(self, now: Now) -> Tensor:
        belief = now.m - now.s
        return torch.addcmul(now.v * now.b2, belief, belief, value=1 - now.b2)


class Renamed(Now):
    """The moments under the names that `OtherNames` and its like give them."""

    @property
    def m(self) -> Tensor:
        return self.state["mean"]

    @property
    def v(self) -> Tensor:
        return self.state["spread"]

    @property
    def e(self) -> Tensor:
        return self.state["typical_length"]


class OtherNames(AdaBeliefNorm):
    """All the state has names of its own."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {
            "visits": 0,
            "mean": torch.zeros_like(g),
            "spread": torch.zeros_like(g),
            "typical_length": g.new_zeros(()),
        }

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state["visits"] += 1
        return Renamed(group, state, g, state["visits"])


class TensorStep(AdamNorm):
    """The step count is a tensor, as in `torch.optim`."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "step": torch.tensor(0.0, dtype=torch.float32)}


class CountsInGroup(RAdam):
    """The step counts are a list in the group, one for each of its tensors."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = super().fresh_state(g, group)
        del state["step"]
        return state

    def step_group(self, group: dict[str, Any]) -> None:
        counts = group.setdefault("counts", [0] * len(group["params"]))
        group["counts"] = [
            count + (param.grad is not None) for count, param in zip(counts, group["params"], strict=True)
        ]
        super().step_group(group)

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        owner = next(i for i, param in enumerate(group["params"]) if self.state.get(param) is state)
        return Now(group, state, g, group["counts"][owner])


class UnnormalisedMomentum(RAdamNorm):
    """The state holds `m / (1 - beta1)`, which is rescaled where it is used."""

    def first_moment(self, now: Now) -> Tensor:
        return now.b1 * now.m + now.s

    def rectified(self, now: Now) -> Tensor:
        return (1 - now.b1) * super().rectified(now)

    def plain(self, now: Now) -> Tensor:
        return (1 - now.b1) * super().plain(now)


class UnnormalisedSecondMoment(DiffGrad):
    """The state holds `v / (1 - beta2)`, which is rescaled under the root."""

    def second_moment(self, now: Now) -> Tensor:
        return now.b2 * now.v + now.g**2

    def denominator(self, now: Now) -> Tensor:
        return ((1 - now.b2) / self.bc2(now) * now.v).sqrt() + now.eps


class RootOfSecondMoment(AdamNorm):
    """The state holds the root of the second moment, squared and rooted again at every step."""

    rounding_heavy = True

    def second_moment(self, now: Now) -> Tensor:
        return (now.b2 * now.v**2 + (1 - now.b2) * now.g**2).sqrt()

    def denominator(self, now: Now) -> Tensor:
        return now.v / math.sqrt(self.bc2(now)) + now.eps


class UpdateRoundedFirst(AdaBelief):
    """The update is rounded to the parameter's dtype before it is subtracted in that dtype."""

    def move(self, param: Tensor, update: Tensor) -> None:
        param.sub_(update.to(param.dtype))


class StepSizeFirst(RAdam):
    """The step size is one number, computed first, and the moment is divided into it by `addcdiv`."""

    def update(self, now: Now) -> Tensor:
        size = now.lr / self.bc1(now)
        if self.rho(now) < 5:
            return size * now.m
        size *= math.sqrt(self.bc2(now)) * self.rectification(now)
        return torch.zeros_like(now.m).addcdiv_(now.m, self.denominator(now), value=size)


class Foreach(Adam):
    """The tensors of a group are stepped together by the `torch._foreach` functions."""

    def step_group(self, group: dict[str, Any]) -> None:
        params = [param for param in group["params"] if param.grad is not None]
        if not params:
            return
        for param in params:
            self.refuse_unmeant(param, param.grad)
        grads = [param.grad.to(_base.working_dtype(param.dtype)) for param in params]
        for param, g in zip(params, grads, strict=True):
            if not self.state[param]:
                self.state[param].update(self.fresh_state(g, group))
        looks = [self.look(group, self.state[param], g) for param, g in zip(params, grads, strict=True)]
        first, second = [now.m for now in looks], [now.v for now in looks]
        torch._foreach_lerp_(first, self.corrected_together(looks), 1 - looks[0].b1)
        torch._foreach_mul_(second, looks[0].b2)
        torch._foreach_addcmul_(second, grads, grads, 1 - looks[0].b2)
        below = torch._foreach_sqrt(second)
        torch._foreach_div_(below, [math.sqrt(self.bc2(now)) for now in looks])
        torch._foreach_add_(below, group["eps"])
        updates = torch._foreach_div(first, below)
        torch._foreach_mul_(updates, [now.lr / self.bc1(now) for now in looks])
        for param, update in zip(params, updates, strict=True):
            self.move(param, update)

    def corrected_together(self, looks: list[Now]) -> list[Tensor]:
        return [now.g for now in looks]


class ForeachNorm(Corrected, Foreach):
    """The tensors of a group are corrected and stepped together by the `torch._foreach` functions."""

    algorithm = "adamnorm"

    def corrected_together(self, looks: list[Now]) -> list[Tensor]:
        norms = torch._foreach_norm([now.g for now in looks])
        averages = [now.e for now in looks]
        torch._foreach_mul_(averages, looks[0].gamma)
        torch._foreach_add_(averages, norms, alpha=1 - looks[0].gamma)
        for now, n in zip(looks, norms, strict=True):
            now.n = n
        return [self.scaled(now) for now in looks]


PLAIN = subjects_of(vars(_base))
FAITHFUL = (
    *(subject for subject in PLAIN if subject is not Corrected),
    *subjects_of(globals()),
    *FAITHFUL_NORMS,
    *FAITHFUL_STATES,
    *FAITHFUL_AMSGRAD,
    *FAITHFUL_CHANGING,
    *FAITHFUL_PATHS_ASKED,
    *FAITHFUL_SAVING,
    *FAITHFUL_REPRESENTATIONS,
)
