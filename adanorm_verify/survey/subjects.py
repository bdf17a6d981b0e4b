"""Which optimizers of which packages, and as what. What a release takes is asked of the release, never listed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NEUTRAL: Mapping[str, Any] = {
    "weight_decay": 0.0,  # the paper's algorithms have none
    "rectify": False,  # the option selects another algorithm: a rectified AdaBelief or diffGrad
    "print_change_log": False,  # only prints
}
"""Set wherever a constructor takes it by name. Other options stay as shipped: that is what people run."""


@dataclass(frozen=True)
class Optimizer:
    """One class of a package, and what it claims to be.

    Args:
        name: of the class.
        algorithm: as `list algorithms` spells it.
        switch: arguments that make it that algorithm; a release that takes no such argument does not have it.
        gamma: names that the constructor may have for gamma, the likeliest first.
    """

    name: str
    algorithm: str
    switch: Mapping[str, Any] = field(default_factory=dict)
    gamma: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in self.switch.items())
        return f"{self.name}({given})" if given else self.name


@dataclass(frozen=True)
class Package:
    """A package as its registry knows it.

    Args:
        name: as pip spells it.
        module: as Python imports it.
        releases: which of its releases, as a version specifier.
        optimizers: what is looked at.
        installed: looked at as it is installed; nothing is fetched.
    """

    name: str
    module: str
    releases: str
    optimizers: tuple[Optimizer, ...]
    installed: bool = False


SWITCHED = {"adanorm": True}
SWITCHED_GAMMA = ("adanorm_r", "r")
PLAIN_STEP = {"degenerated_to_sgd": True}  # off by default: steps that cannot be rectified are then left out

PACKAGES = (
    Package(
        "pytorch-optimizer",
        "pytorch_optimizer",
        ">=2.6.1",
        (
            Optimizer("AdaNorm", "adamnorm", gamma=("r",)),
            Optimizer("DiffGrad", "diffgrad"),
            Optimizer("DiffGrad", "diffgradnorm", SWITCHED, SWITCHED_GAMMA),
            Optimizer("RAdam", "radam"),
            Optimizer("RAdam", "radam", PLAIN_STEP),
            Optimizer("RAdam", "radamnorm", SWITCHED, SWITCHED_GAMMA),
            Optimizer("RAdam", "radamnorm", {**SWITCHED, **PLAIN_STEP}, SWITCHED_GAMMA),
            Optimizer("AdaBelief", "adabelief"),
            Optimizer("AdaBelief", "adabeliefnorm", SWITCHED, SWITCHED_GAMMA),
        ),
    ),
    Package(
        "torch-optimizer",
        "torch_optimizer",
        ">=0.3.0",
        (Optimizer("DiffGrad", "diffgrad"), Optimizer("RAdam", "radam"), Optimizer("AdaBelief", "adabelief")),
    ),
    Package("adabelief-pytorch", "adabelief_pytorch", ">=0.2.1", (Optimizer("AdaBelief", "adabelief"),)),
    Package("torch", "torch.optim", "", (Optimizer("Adam", "adam"), Optimizer("RAdam", "radam")), installed=True),
)

BY_NAME = {package.name: package for package in PACKAGES}
