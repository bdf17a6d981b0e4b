"""The right-hand side of the paper's Theorem 1 (section 3.2), from what a run shows.

    R(T) <= D^2/(2 alpha (1 - beta1)) sum_i sqrt(T v_hat_{T,i})
            + alpha (1 + beta1) G_inf^3/((1 - beta1) sqrt(1 - beta2) (1 - gamma)^2 G^2) sum_i ||g_{1:T,i}||_2
            + sum_i D_inf^2 G_inf sqrt(1 - beta2)/(2 alpha (1 - beta1) (1 - lambda)^2)

The ledger's entry `thm1` has the statement and its refutation. D and D_inf are taken of the smallest box that holds
theta_1, ..., theta_T and the best fixed point, which the proof needs too: D is at least the largest distance, so that
a run that passes this bound passes the printed one. G and G_inf are the largest along the run; the theorem's hold
at every point, and are the same for linear losses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .certificates import SECOND
from .methods import Method
from .playing import Checkpoint

OF = ("adamnorm", "adam")
"""Algorithms that the theorem is about; Adam is AdamNorm with gamma = 0, whose correction never fires."""


@dataclass(frozen=True)
class Claim:
    """What the theorem says of runs at a horizon; arrays (runs,).

    Args:
        horizon: T.
        terms: the three terms of the right-hand side, (3, runs).
        G, G_inf: largest norms of a gradient.
        D, D_inf: largest distances.
    """

    horizon: int
    terms: np.ndarray
    G: np.ndarray
    G_inf: np.ndarray
    D: np.ndarray
    D_inf: np.ndarray

    @property
    def bound(self) -> np.ndarray:
        """The right-hand side, more than its own rounding above what is printed."""
        return np.sum(self.terms, axis=0) * SECOND

    @property
    def trivial(self) -> np.ndarray:
        """D G T, above which a bound on regret says nothing."""
        return self.D * self.G * self.horizon

    @property
    def meeting(self) -> np.ndarray:
        """The horizon at which the bound and D G T meet, if its first two terms went on like sqrt(T); inf: never.

        a sqrt(T) + c = D G T has one positive root in sqrt(T).
        """
        a, c = np.sum(self.terms[:2], axis=0) / np.sqrt(self.horizon), self.terms[2]
        slope = self.D * self.G
        root = (a + np.sqrt(a**2 + 4 * slope * c)) / (2 * np.where(slope > 0, slope, 1.0))
        return np.where(slope > 0, root**2, np.inf)


def why_not(method: Method) -> str | None:
    """Why the theorem says nothing about a method; None where it does."""
    values = method.hyperparameters
    if method.name not in OF:
        return f"Theorem 1 is about AdamNorm (and Adam, as gamma = 0), not about {method.name}"
    if any(key == "guard" and answer != "none" for key, answer in method.decisions):
        return "Theorem 1 is about the correction without a guard"
    if method.steps != "inverse-root":
        return f"Theorem 1 has steps alpha/sqrt(t), the run has {method.steps}"
    if method.decay is None or not method.decay < 1:
        return f"Theorem 1 has beta1_t = beta1 lambda^(t-1) with lambda in (0, 1), the run has decay {method.decay}"
    if not values.lr > 0:
        return f"Theorem 1 divides by alpha, the run has lr {values.lr:g}"
    if not values.beta1**2 < np.sqrt(values.beta2):
        return f"Theorem 1 has beta1^2 < sqrt(beta2), the run has beta1 {values.beta1:g} and beta2 {values.beta2:g}"
    return None


def right_hand_side(
    horizon: int,
    v_hat: np.ndarray,
    norms: np.ndarray,
    G: np.ndarray,
    G_inf: np.ndarray,
    D: np.ndarray,
    D_inf: np.ndarray,
    *,
    alpha: float,
    beta1: float,
    beta2: float,
    gamma: float,
    lam: float,
) -> np.ndarray:
    """The three terms as printed, (3, runs).

    Args:
        horizon: T.
        v_hat: bias-corrected second moments of round T, (runs, d).
        norms: ||g_{1:T,i}||_2, (runs, d).
        G: bound on ||g||_2, (runs,).
        G_inf: bound on the largest coordinate.
        D: bound on distances in the Euclidean norm.
        D_inf: bound on distances in the maximum norm.
        alpha, beta1, beta2, gamma, lam: hyperparameters.
    """
    d = v_hat.shape[-1]
    first = D**2 / (2 * alpha * (1 - beta1)) * np.sum(np.sqrt(horizon * v_hat), axis=-1)
    # G_inf <= G: where all gradients vanish so does the term
    ratio = np.where(G > 0, G_inf**3 / np.where(G > 0, G, 1.0) ** 2, 0.0)
    second = alpha * (1 + beta1) * ratio / ((1 - beta1) * np.sqrt(1 - beta2) * (1 - gamma) ** 2)
    third = d * D_inf**2 * G_inf * np.sqrt(1 - beta2) / (2 * alpha * (1 - beta1) * (1 - lam) ** 2)
    return np.stack([first, second * np.sum(norms, axis=-1), third])


def distances(checkpoint: Checkpoint, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """D and D_inf of runs: of the box around the points that were met and the comparator's, (runs, d)."""
    lowest, highest = (checkpoint.measures[name] for name in ("lowest", "highest"))
    side = np.maximum(highest, points) - np.minimum(lowest, points)
    return np.sqrt(np.sum(side**2, axis=-1)), np.max(side, axis=-1)


def claim(method: Method, checkpoint: Checkpoint, points: np.ndarray) -> Claim:
    """What Theorem 1 says of the runs of a game with `measured`.

    Args:
        method: what was played.
        checkpoint: of that game.
        points: the best fixed points, (runs, d).

    Raises:
        ValueError: the theorem says nothing about the method (`why_not`), or nothing was measured.
    """
    if reason := why_not(method):
        raise ValueError(reason)
    if "v" not in checkpoint.measures:
        raise ValueError("the theorem needs the measures of a game with measured=True")
    values = method.hyperparameters
    beta1, beta2 = float(values.beta1), float(values.beta2)
    gamma = float(values.gamma) if method.name == "adamnorm" else 0.0
    T, found = checkpoint.horizon, checkpoint.measures
    D, D_inf = distances(checkpoint, points)
    v_hat = found["v"] / (1 - beta2**T)
    terms = right_hand_side(
        *(T, v_hat, np.sqrt(found["squares"]), found["G"], found["G_inf"], D, D_inf),
        alpha=float(values.lr),
        beta1=beta1,
        beta2=beta2,
        gamma=gamma,
        lam=float(method.decay or 0),
    )
    return Claim(T, terms, found["G"], found["G_inf"], D, D_inf)
