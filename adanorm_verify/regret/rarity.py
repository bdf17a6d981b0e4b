"""A cell of the class-imbalance study: the problem, the law for it, and how long it takes to settle.

With an intercept alone a batch of b labels with k positives has the mean loss of one label k/b, so that a round is one
row of a table of b + 1 rows with binomial chances, whatever the batch size. With features the table is a population:
every point twice, as a positive and as a negative one, with its own chance of being either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil, log, sqrt
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import binom

from ..ledger.folder import imported
from .methods import Method, method_of
from .problems import Problem, table
from .sets import Feasible
from .stationary import mean_corrected, zero
from .straying import predicted

SETTLING, AVERAGING = 8, 24
"""Relaxation times that pass before what is learned is averaged (the start has e^-8 of its weight then), and that it
is averaged over (a run has twelve independent values, as an exponential correlation has two times)."""
EDGE = 15.0
"""Of the logits, on either side: a probability of 3e-7."""
POINTS = 1000
"""Points at which features are known, each with its probability of a positive label."""
PLAIN, ADAMS = ("sgd", "sgdnorm"), ("adam", "adamnorm", "radam", "radamnorm")
"""Whose update is the corrected gradient, and whose is it over the root of its average square."""
CORRECTED = "norm"
"""In the name of a method whose gradients are corrected."""


sigmoid = expit
"""The probability that the model gives at a logit."""


@dataclass(frozen=True)
class Study:
    """One cell: checked settings, and what follows from them."""

    optimizer: Mapping[str, Any]
    rate: float
    batch: int
    features: int
    informative: bool
    runs: int
    rounds: int | None
    field: bool
    seed: int

    @cached_property
    def method(self) -> Method:
        return method_of(self.optimizer)

    @property
    def gamma(self) -> float:
        """Memory of the correction; 0 where there is none, or a guard that lets none through in the long run."""
        guarded = dict(self.method.decisions).get("guard") == "decaying"
        return float(self.method.hyperparameters.gamma) if CORRECTED in self.method.name and not guarded else 0.0

    @cached_property
    def closed_form(self) -> tuple[float, float, float] | None:
        """What the law says is learned as steps become small, and ends between which it is known; None without a law.

        The ledger's noise.logistic for single labels, else the zero of `stationary`; with features that carry nothing
        noise.logistic.features.
        """
        if self.features and (self.informative or self.batch > 1) and self.gamma > 0:
            return None
        if self.gamma == 0:
            return self.rate, self.rate, self.rate
        if self.batch == 1:
            formulas: Any = imported("theory.noise_formulas")
            exact = float(formulas.logistic_stationary(self.rate, self.gamma))
            return exact, exact, exact
        found = zero(self.rate, self.batch, self.gamma)
        return (found.low + found.high) / 2, found.low, found.high

    @property
    def predicted(self) -> tuple[float, float] | None:
        """What the law says at this step size and with this memory of the second moment; None where it says nothing."""
        alike = self.method.name in (*PLAIN, *ADAMS)
        if self.closed_form is None or self.features or not alike or self.method.steps != "constant":
            return None
        numbers = self.method.hyperparameters
        beta2 = float(numbers.beta2) if self.method.name in ADAMS else None
        return predicted(self.rate, self.batch, self.gamma, float(numbers.lr), beta2, EDGE)

    @cached_property
    def learned(self) -> float:
        """About what an intercept will learn, to know how long it takes."""
        return zero(self.rate, self.batch, self.gamma).low

    @property
    def variance(self) -> float:
        """The mean squared gradient there."""
        return (self.learned - self.rate) ** 2 + self.rate * (1 - self.rate) / self.batch

    @cached_property
    def relaxation(self) -> float:
        """Rounds in which the mean iteration's distance to its zero falls to 1/e, near it, by the law.

        The logit moves by lr h(q)/scale, where scale is the optimizer's denominator.
        """
        q = self.learned
        step = min(q, 1 - q) / 4
        near = [sum(mean_corrected(q + side, self.rate, self.batch, self.gamma)) / 2 for side in (-step, step)]
        slope = min(max((near[1] - near[0]) / (2 * step), 0.1), 1.0)  # at a jump the pull is stronger than that
        scale = 1.0 if self.method.name.startswith("sgd") else sqrt(self.variance)
        scale = max(scale, 0.5) if self.method.name.startswith("amsgrad") else scale  # it remembers the start's
        scale *= 2 if self.method.name.startswith("diffgrad") else 1  # its friction is 1/2 at least
        return scale / (float(self.method.hyperparameters.lr) * q * (1 - q) * slope)

    @property
    def first(self) -> int:
        """Rounds before what is learned is averaged: the way there, what averages remember of it, and settling."""
        if self.rounds is not None:
            return self.rounds * SETTLING // (SETTLING + AVERAGING)
        numbers = self.method.hyperparameters
        memory = max(1 / (1 - float(one)) for one in (numbers.beta1, numbers.beta2, numbers.gamma))
        way = float(np.abs(self.true).max()) / float(numbers.lr)
        forgetting = memory * (SETTLING - log(self.variance))  # until e^-12 of the variance is left of v's past
        return ceil(way + forgetting + SETTLING * self.relaxation)

    @property
    def horizon(self) -> int:
        """Rounds in all."""
        return self.first + ceil(AVERAGING * self.relaxation) if self.rounds is None else self.rounds

    @cached_property
    def problem(self) -> Problem:
        if self.features == 0:
            counts = np.arange(self.batch + 1)
            a, y, w = table(np.ones((self.batch + 1, 1)), counts / self.batch)
            chances = binom.pmf(counts, self.batch, self.rate)
            space = Feasible("box", 1, -EDGE, EDGE)
            return Problem("intercept", "logistic", space, "iid", a, y, w, chances / chances.sum())
        z, p, _ = self.population
        a, y, w = table(np.concatenate([z, z]), np.repeat([1.0, 0.0], len(p)))
        chances = np.concatenate([p, 1 - p]) / len(p)
        space = Feasible("box", z.shape[1], -EDGE, EDGE)
        return Problem("features", "logistic", space, "iid", a, y, w, chances, batch=self.batch)

    @cached_property
    def population(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (1, x), the probability of a positive label at each, which has the mean `rate`, and the true theta."""
        d = self.features
        if not self.informative:
            x = 1.0 - 2.0 * ((np.arange(2**d)[:, None] >> np.arange(d)) & 1)
            theta = np.array([log(self.rate / (1 - self.rate)), *np.zeros(d)])
            return np.column_stack([np.ones(len(x)), x]), np.full(len(x), self.rate), theta
        x = np.random.default_rng([self.seed, 1]).standard_normal((POINTS, d))
        weights = np.full(d, 1 / sqrt(d))
        intercept = brentq(lambda c: np.mean(sigmoid(x @ weights + c)) - self.rate, -40, 40, xtol=1e-14)
        theta = np.array([intercept, *weights])
        z = np.column_stack([np.ones(POINTS), x])
        return z, sigmoid(z @ theta), theta

    @property
    def true(self) -> np.ndarray:
        """The best parameters."""
        return self.population[2] if self.features else np.array([log(self.rate / (1 - self.rate))])
