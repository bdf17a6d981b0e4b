"""The paper's eight algorithms as one small optimizer with a method per formula, for the subjects to override.

State and arithmetic are float32 for half-precision parameters and the parameter's dtype otherwise; the
parameter itself is rounded to its own dtype at every step.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


def working_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype in which a parameter of `dtype` is computed: float32 for the half formats."""
    return torch.promote_types(dtype, torch.float32)


def subjects_of(module: dict[str, Any]) -> tuple[type[Optimizer], ...]:
    """The optimizers defined in a module, given its `globals()`, in the order of their definition."""
    named = (value for value in module.values() if isinstance(value, type) and issubclass(value, Optimizer))
    return tuple(value for value in named if value.__module__ == module["__name__"])


@cache
def named_by_constructors(kind: type[Optimizer]) -> frozenset[str]:
    """The arguments that the constructors of a class and of its bases have by name."""
    constructors = [vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base)]
    return frozenset(name for constructor in constructors for name in inspect.signature(constructor).parameters)


class Now:
    """One tensor at one step: the paper's symbols, read from the state and the group as they are needed."""

    def __init__(self, group: dict[str, Any], state: dict[str, Any], g: Tensor, t: int) -> None:
        self.group, self.state, self.t = group, state, t
        self.g = self.s = g
        self.n = self.old_e = self.old_m = g.new_zeros(())

    @property
    def lr(self) -> float:
        return self.group["lr"]

    @property
    def b1(self) -> float:
        return self.group["betas"][0]

    @property
    def b2(self) -> float:
        return self.group["betas"][1]

    @property
    def eps(self) -> float:
        return self.group["eps"]

    @property
    def gamma(self) -> float:
        return self.group["gamma"]

    @property
    def e(self) -> Tensor:
        return self.state["exp_grad_norm"]

    @property
    def m(self) -> Tensor:
        return self.state["exp_avg"]

    @property
    def v(self) -> Tensor:
        return self.state["exp_avg_sq"]


class Adam(Optimizer):
    """Algorithm 1 as written, and the base of every other subject."""

    algorithm: str = "adam"
    decisions: Mapping[str, str] = MappingProxyType({})  # the reading of the paper under which it is what it claims
    rounds_at_random: bool = False  # in bfloat16: by up to a unit in the last place, not half of one
    rounding_heavy: bool = False  # faithful, with somewhat more rounding than the formulas as written
    wrong_in_double_only: bool = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **extra: float,
    ) -> None:
        if not (lr >= 0 and eps >= 0 and all(0 <= beta < 1 for beta in betas)):  # NaN is not
            raise ValueError(f"need lr >= 0, eps >= 0 and betas in [0, 1): got {lr}, {eps}, {betas}")
        if unknown := extra.keys() - named_by_constructors(type(self)):  # type: ignore[arg-type]
            raise TypeError(f"{type(self).__name__} takes no argument {', '.join(sorted(unknown))}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, **extra})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self.step_group(group)
        return loss

    def step_group(self, group: dict[str, Any]) -> None:
        for param in group["params"]:
            if param.grad is not None:
                self.step_tensor(param, param.grad, group)

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        self.refuse_unmeant(param, grad)
        state = self.state[param]
        g = grad.to(working_dtype(param.dtype))
        if not state:
            state.update(self.fresh_state(g, group))
        now = self.look(group, state, g)
        now.s = self.correct(now)
        self.remember(now)
        self.move(param, self.update(now))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        # The parent casts state to the parameter's dtype, which would round the float32 state of halves.
        for new, old in zip(self.param_groups, state_dict["param_groups"], strict=True):
            for param, index in zip(new["params"], old["params"], strict=True):
                for key, value in state_dict["state"].get(index, {}).items():
                    if torch.is_tensor(value):
                        value = value.detach().to(param.device, self.state_dtype(key, value, param), copy=True)
                    self.state[param][key] = value

    def state_dtype(self, key: str, value: Tensor, param: Tensor) -> torch.dtype:
        """The dtype in which a loaded state goes on."""
        return value.dtype if key == "step" else working_dtype(param.dtype)

    # What a subject overrides, in the order in which a step calls it.

    def refuse_unmeant(self, param: Tensor, grad: Tensor) -> None:
        """Raise RuntimeError for sparse gradients and complex parameters, before anything is changed."""
        if grad.layout is not torch.strided or param.is_complex():
            raise RuntimeError("sparse gradients and complex parameters are not supported")

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "exp_avg": torch.zeros_like(g), "exp_avg_sq": torch.zeros_like(g)}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state["step"] += 1
        return Now(group, state, g, int(state["step"]))

    def correct(self, now: Now) -> Tensor:
        return now.g

    def remember(self, now: Now) -> None:
        now.old_m = now.m.clone()
        now.m.copy_(self.first_moment(now))
        now.v.copy_(self.second_moment(now))

    def first_moment(self, now: Now) -> Tensor:
        return now.b1 * now.m + (1 - now.b1) * now.s

    def second_moment(self, now: Now) -> Tensor:
        return now.b2 * now.v + (1 - now.b2) * now.g**2

    def bc1(self, now: Now) -> float:
        return 1 - now.b1**now.t

    def bc2(self, now: Now) -> float:
        return 1 - now.b2**now.t

    def numerator(self, now: Now) -> Tensor:
        return now.m / self.bc1(now)

    def denominator(self, now: Now) -> Tensor:
        return (now.v / self.bc2(now)).sqrt() + now.eps

    def direction(self, now: Now) -> Tensor:
        return self.numerator(now) / self.denominator(now)

    def update(self, now: Now) -> Tensor:
        return now.lr * self.direction(now)

    def move(self, param: Tensor, update: Tensor) -> None:
        param.copy_(param.to(update.dtype) - update)


class Corrected(Adam):
    """Equation 3: `e = gamma e + (1 - gamma) n` and `s = g max(1, e / n)`, to be mixed into an algorithm."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        gamma: float = 0.95,
        **extra: float,
    ) -> None:
        if not 0 <= gamma <= 1:
            raise ValueError(f"need gamma in [0, 1]: got {gamma}")
        super().__init__(params, lr, betas, eps, gamma=gamma, **extra)

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "exp_grad_norm": g.new_zeros(())}

    def correct(self, now: Now) -> Tensor:
        now.n = self.norm(now.g)
        now.old_e = now.e.clone()
        now.e.copy_(self.average_norm(now))
        return self.scaled(now)

    def norm(self, g: Tensor) -> Tensor:
        return torch.linalg.vector_norm(g)

    def average_norm(self, now: Now) -> Tensor:
        return now.gamma * now.e + (1 - now.gamma) * now.n

    def scaled(self, now: Now) -> Tensor:
        return now.g * self.scale(now)

    def scale(self, now: Now) -> Tensor:
        return torch.clamp(self.ratio(now), min=1)

    def ratio(self, now: Now) -> Tensor:
        return torch.where(now.n > 0, now.e / now.n, 1)  # any finite factor leaves a zero gradient zero


class AdamNorm(Corrected):
    """Algorithm 2 as written."""

    algorithm = "adamnorm"


class DiffGrad(Adam):
    """Algorithm 3 as written."""

    algorithm = "diffgrad"

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "previous_grad": torch.zeros_like(g)}

    def change(self, now: Now) -> Tensor:
        return now.g - now.state["previous_grad"]

    def friction(self, now: Now) -> Tensor:
        return 1 / (1 + torch.exp(-self.change(now).abs()))

    def direction(self, now: Now) -> Tensor:
        return self.friction(now) * super().direction(now)

    def update(self, now: Now) -> Tensor:
        update = super().update(now)
        self.keep_gradient(now)
        return update

    def keep_gradient(self, now: Now) -> None:
        now.state["previous_grad"].copy_(now.g)


class DiffGradNorm(Corrected, DiffGrad):
    """Algorithm 4 as written."""

    algorithm = "diffgradnorm"


class RAdam(Adam):
    """Algorithm 5, with the rectification of the RAdam paper (`1 - beta2^t` under its root)."""

    algorithm = "radam"
    threshold: float = 5

    def rho_inf(self, now: Now) -> float:
        return 2 / (1 - now.b2) - 1

    def rho(self, now: Now) -> float:
        return self.rho_inf(now) - 2 * now.t * now.b2**now.t / (1 - now.b2**now.t)

    def rectification(self, now: Now) -> float:
        far, near = self.rho_inf(now), self.rho(now)
        return math.sqrt((near - 4) * (near - 2) * far / ((far - 4) * (far - 2) * near))

    def denominator(self, now: Now) -> Tensor:
        return now.v.sqrt() + now.eps

    def rectified(self, now: Now) -> Tensor:
        factor = self.rectification(now) * math.sqrt(self.bc2(now)) / self.bc1(now)
        return factor * now.m / self.denominator(now)

    def plain(self, now: Now) -> Tensor:
        return now.m / self.bc1(now)

    def direction(self, now: Now) -> Tensor:
        return self.rectified(now) if self.rho(now) >= self.threshold else self.plain(now)


class RAdamNorm(Corrected, RAdam):
    """Algorithm 6, with the rectification of the RAdam paper."""

    algorithm = "radamnorm"


class AdaBelief(Adam):
    """Algorithm 7 as written."""

    algorithm = "adabelief"

    def belief(self, now: Now) -> Tensor:
        return now.s - now.m

    def second_moment(self, now: Now) -> Tensor:
        return now.b2 * now.v + (1 - now.b2) * self.belief(now) ** 2


class AdaBeliefNorm(Corrected, AdaBelief):
    """Algorithm 8, with the belief taken in the corrected gradient: `v` of `(s - m)^2`."""

    algorithm = "adabeliefnorm"
