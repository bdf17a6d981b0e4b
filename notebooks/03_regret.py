# %% [markdown]
# # How fast does regret grow, and what does the theorem say about it?
#
# The paper claims $R(T) = O(\sqrt T)$ for AdamNorm. Here it is measured: optimizers are played on online convex
# problems, against the best fixed point in hindsight, and the growth of the regret is named only if the analysis
# recognises growth that is known. Everything below is a few lines of `adanorm_verify.regret`; sweeps with a report
# are one command, `adanorm-verify regret run --preset paper --out DIR`.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from adanorm_verify.regret import calibration, imbalance, regrets
from adanorm_verify.regret.methods import label, method_of
from adanorm_verify.regret.playing import Game
from adanorm_verify.regret.zoo import problem

FIGURES = os.environ.get("NOTEBOOK_FIGURES")  # a folder: figures are saved there, and not shown
BLUE, RED, GREEN, GREY = "#0072b2", "#b34700", "#00664b", "#555555"


def show(figure, name):
    """Show a figure, or save it."""
    if FIGURES:
        figure.savefig(Path(FIGURES) / f"{name}.png", dpi=150)
        plt.close(figure)
    else:
        plt.show()


# %% [markdown]
# ## One game
#
# A problem is a loss, a set, and the rows that rounds draw. A method is an algorithm's list of equations, compiled,
# with the steps that the theory gives it. Regret is an enclosure: the best fixed point is bounded from both sides.

# %%
signs = problem("signs")
game = Game(method_of({"name": "adamnorm", "lr": 0.1}), signs, runs=1000, seed=0)
for horizon in (100, 10_000):
    found = regrets.regret_of(game.play(horizon), signs)
    print(f"signs, T = {horizon}: mean regret in [{found.low.mean():.4f}, {found.high.mean():.4f}]")

# %% [markdown]
# With fair signs every method has an expected regret of $\sqrt{2T/\pi}$: nothing can be learned.
#
# ## Is growth recognised?
#
# Before a word about AdamNorm: problems whose growth is proved. The interval must hold the truth.

# %%
for name in ("logarithmic", "square root, alternating", "three quarters", "linear, leader", "bounded, leader"):
    found = calibration.measure({"name": name, "repetitions": 20, "runs": 16, "first": 16, "last": 2048})
    print(f"calibration, {name}: truth in the interval {found['covered']} of 20, class right {found['right']}")

# %% [markdown]
# ## The claim, measured
#
# The losses $3|x+1|, |x-1|, |x-1|$ in turn: the best point is $-1$. Adam finds it; AdamNorm goes to $1$.

# %%
played = {"problem": "counterexample", "runs": 2, "first": 1024, "last": 262_144}
curves = {}
for name in ("sgd", "adam", "adamnorm"):
    record = regrets.measure({**played, "optimizer": {"name": name, "lr": 1.0}})
    curves[name] = record
    growth = record["growth"]
    print(f"{label({'name': name})}: {growth['kind']}; {growth['reason']}")

figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
for name, colour, dash in (("adamnorm", BLUE, "-"), ("adam", RED, "--"), ("sgd", GREEN, ":")):
    record = curves[name]
    axes.loglog(record["horizons"], record["mean_high"], dash, color=colour, label=label({"name": name}))
axes.set(xlabel="rounds T", ylabel="regret", title="3|x + 1|, |x - 1|, |x - 1| in turn")
axes.legend()
show(figure, "growth")

# %% [markdown]
# ## Beside the theorem
#
# Its right-hand side is evaluated along the same run from the largest gradients and distances of that run. At
# $\lambda = 1 - 10^{-8}$, which the paper suggests, it is above $10^{16}$ and says nothing for any horizon one can
# play. With constants that are kinder to it, it says something, and then the regret crosses it.

# %%
kind = {"name": "adamnorm", "lr": 0.02, "gamma": 0.8, "decay": 0.9}
record = regrets.measure(
    {"problem": "counterexample", "optimizer": kind, "runs": 2, "first": 65_536, "last": 67_108_864}
)
print(f"the claim is below the trivial D G T from T = {record['first_informative']:,} on")
print(f"the claim is violated from T = {record['first_violation']:,} on")

figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
axes.loglog(record["horizons"], record["mean_low"], color=BLUE, label="regret of AdamNorm, from below")
axes.loglog(record["horizons"], record["claimed"], "-.", color=GREY, label="Theorem 1 claims at most")
axes.set(xlabel="rounds T", title="gamma 0.8, alpha 0.02, lambda 0.9")
axes.legend()
show(figure, "claim")

# %% [markdown]
# ## What it means for a person who trains
#
# Logistic regression on rare positives, an intercept alone, one example a step. The corrected gradient is larger
# where the model is right, so the model is pulled to the frequent class.

# %%
rates = (0.2, 0.05, 0.02)
plain, corrected, law = [], [], []
for rate in rates:
    for name, found in (("sgd", plain), ("sgdnorm", corrected)):
        optimizer = {"name": name, "lr": 0.02, "steps": "constant"}
        found.append(imbalance.measure({"optimizer": optimizer, "rate": rate, "batch": 1, "runs": 32}))
    law.append(corrected[-1]["predicted"])
    told = corrected[-1]
    print(
        f"rate {100 * rate:g} %: SGD learns {100 * plain[-1]['learned']:.3g} %, SGDNorm {100 * told['learned']:.3g} % "
        f"[{100 * told['low']:.4g}, {100 * told['high']:.4g}], law {100 * law[-1]:.4g} %"
    )

figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
axes.loglog(rates, [record["learned"] for record in plain], "o--", color=RED, label="SGD")
axes.loglog(rates, [record["learned"] for record in corrected], "s-", color=BLUE, label="with the correction")
axes.loglog(rates, law, "_", color="#111111", markersize=16, label="law")
axes.set(xlabel="true rate of positives", ylabel="learned")
axes.legend()
show(figure, "rare")
print(
    "worst factor:", np.round(max(rate / record["learned"] for rate, record in zip(rates, corrected, strict=True)), 1)
)
