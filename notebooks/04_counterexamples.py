# %% [markdown]
# # A machine that looks for losses on which an optimizer fails
#
# `adanorm-verify hunt --optimizer NAME` tries short sequences of small integers as gradients of linear losses on
# $[-1, 1]$, the simplest first. What it finds is confirmed by play at a horizon and at ten times it, held against a
# control that learns, and proved: the certificate says in exact arithmetic where the optimizer settles.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from adanorm_verify.ledger import folder
from adanorm_verify.regret import hunting, phase
from adanorm_verify.regret.methods import method_of
from adanorm_verify.regret.playing import Game, dyadic
from adanorm_verify.regret.problems import periodic

FIGURES = os.environ.get("NOTEBOOK_FIGURES")  # a folder: figures are saved there, and not shown
BLUE, RED, GREY = "#0072b2", "#b34700", "#555555"


def show(figure, name):
    """Show a figure, or save it."""
    if FIGURES:
        figure.savefig(Path(FIGURES) / f"{name}.png", dpi=150)
        plt.close(figure)
    else:
        plt.show()


# %% [markdown]
# ## The hunt
#
# AdamNorm at its default hyperparameters, against projected gradient descent.

# %%
found = hunting.hunt(
    hunting.natural("adamnorm"), hunting.natural("sgd"), "periodic-linear", hunting.Budget(effort=4000)
)
print(f"AdamNorm fails on {found['sequence']}, after {sum(found['examined'].values())} sequences were examined")
print(
    f"average regret {found['average_regret']:.3f} after {found['horizon']:,} rounds, "
    f"of gradient descent {found['control_average']:.5f}"
)

# %% [markdown]
# The certificate is a file that needs none of this package: Python's standard library checks it. Change a number in
# it, and it is refused.

# %%
checker = folder.checker()
certificate = found["certificate"]
print(f"certificate: {certificate['verdict']}, {checker.check(certificate)} steps checked")
forged = {**certificate, "statement": certificate["statement"].replace("AdamNorm", "Adam")}
try:
    checker.check(forged)
except checker.Refused as error:
    print(f"forged: refused ({error})")

# %% [markdown]
# ## What happens there
#
# One gradient of 3, then two of -1: the mean gradient is positive, and $-1$ is the best point. The correction lifts
# the small gradients to the average of the norms and leaves the large one as it is, and so the sum of what AdamNorm
# sees has the other sign.

# %%
losses = periodic(found["sequence"])
horizons = dyadic(1024, 2**21)
figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
for name, colour, dash in (("adamnorm", BLUE, "-"), ("adam", RED, "--")):
    game = Game(method_of({"name": name, "lr": 0.1}), losses)
    averages = [(point.loss[0] + abs(sum(found["sequence"])) / 3 * T) / T
                for T, point in ((T, game.play(T)) for T in horizons)]  # fmt: skip
    axes.semilogx(horizons, averages, dash, color=colour, label={"adamnorm": "AdamNorm", "adam": "Adam"}[name])
    print(f"{name}: average regret {averages[-1]:.3f} after {horizons[-1]:,} rounds")
axes.axhline(2 / 3, color=GREY, linestyle=":", label="the wrong end")
axes.set(xlabel="rounds T", ylabel="R(T)/T")
axes.legend()
show(figure, "average")

# %% [markdown]
# ## Where it starts
#
# One gradient of size $A$ in $P$ rounds and the others of size $a$: between $P - 1$ and $1 + (P - 2)(1 -
# \gamma^P)/(1 - \gamma)$ times $a$ the corrected method goes to the wrong end (`cex.threshold`).

# %%
periods = [3, 4, 6, 10]
settings = {"optimizer": {"name": "sgdnorm"}, "gamma": 0.95, "periods": periods, "ratios": [1.02, 9.0, 120]}
record = phase.measure(settings)
for P, measured, closed, resolution in zip(
    periods, record["measured"], record["closed_form"], record["resolution"], strict=True
):
    print(f"P = {P}: measured {measured:.3f}, closed form {closed:.3f}, resolution {resolution:.3f}")
print(f"on the line within the grid's resolution: {record['agrees']}")

figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
axes.fill_between(periods, np.array(periods) - 1, record["closed_form"], color=BLUE, alpha=0.15, label="fails")
axes.plot(periods, record["closed_form"], color=BLUE, label="closed form")
axes.plot(periods, record["measured"], "o", color=RED, label="measured")
axes.plot(periods, np.array(periods) - 1, ":", color=GREY, label="mean gradient zero")
axes.set(xlabel="period P", ylabel="A/a", yscale="log")
axes.legend()
show(figure, "boundary")
