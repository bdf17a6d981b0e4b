# %% [markdown]
# # Is it the algorithm that it claims to be?
#
# An optimizer can be wrong and train well. This notebook takes one that is wrong, and goes from "the loss falls" to the
# line that is at fault. You need to know Adam.
#
# AdamNorm (Dubey, Singh and Chaudhuri, WACV 2023, Algorithm 2) is Adam with one idea added. It keeps an average $e_t$
# of the norms of past gradients. Where the gradient is shorter than that average, it is lifted to it before it enters
# the first moment:
#
# $$e_t = \gamma\, e_{t-1} + (1 - \gamma)\, \|g_t\| \qquad
#   s_t = \frac{e_t}{\|g_t\|}\, g_t \text{ if } e_t > \|g_t\|,\ \text{otherwise } g_t \qquad
#   m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, s_t$$
#
# The second moment and the step are Adam's.

# %%
import json
import os
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch.optim import Optimizer

from adanorm_verify import check_optimizer

FIGURES = os.environ.get("NOTEBOOK_FIGURES")  # a folder: figures are saved there, and not shown
torch.set_num_threads(1)


def show(figure, name):
    """Show a figure, or save it."""
    if FIGURES:
        figure.savefig(Path(FIGURES) / f"{name}.png", dpi=150)
        plt.close(figure)
    else:
        plt.show()


# %% [markdown]
# ## An implementation
#
# It reads well. There is a mistake in it; look for it before you go on.


# %%
class AdamNorm(Optimizer):
    """AdamNorm, or so it says."""

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
        beta1, beta2 = group["betas"]
        if not state:
            state["step"] = 0
            state["exp_avg"] = torch.zeros_like(p)
            state["exp_avg_sq"] = torch.zeros_like(p)
            state["exp_grad_norm"] = p.new_zeros(())
        state["step"] += 1
        m, v, t = state["exp_avg"], state["exp_avg_sq"], state["step"]
        m.mul_(beta1).add_(self.lifted(g, state, group["gamma"]), alpha=1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        p.sub_(group["lr"] * (m / (1 - beta1**t)) / self.denominator(v, 1 - beta2**t, group["eps"]))

    def lifted(self, g, state, gamma):
        norm = g.norm()
        e = gamma * state["exp_grad_norm"] + (1 - gamma) * norm
        return torch.where((e > norm) & (norm > 0), e / norm * g, g)

    def denominator(self, v, correction, eps):
        return (v / correction).sqrt() + eps


# %% [markdown]
# ## The loss falls
#
# The usual test of an optimizer: train something small, and see that the loss goes down.


# %%
def losses(make, steps=300):
    """The loss of a linear regression on random data before each step, in batches of 16."""
    generator = torch.Generator().manual_seed(0)
    random = partial(torch.randn, generator=generator, dtype=torch.float64)
    inputs, noise = random(256, 8), 0.1 * random(256)
    targets = inputs @ random(8) + noise
    weights = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    optimizer = make([weights], lr=0.02)
    found = []
    for _ in range(steps):
        batch = torch.randint(256, (16,), generator=generator)
        found.append((inputs @ weights - targets).square().mean().item())
        optimizer.zero_grad()
        (inputs[batch] @ weights - targets[batch]).square().mean().backward()
        optimizer.step()
    return found


trained = losses(AdamNorm)
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
axes.plot(range(1, len(trained) + 1), trained, color="#0072b2", linewidth=2)
axes.set(yscale="log", xlabel="step", ylabel="mean squared error", title="The loss of the AdamNorm above")
axes.grid(alpha=0.3)
show(figure, "loss")
print(f"loss {trained[0]:.3g} before, {trained[-1]:.3g} after {len(trained)} steps")

# %% [markdown]
# It falls, so the usual test passes. It would pass for plain gradient descent too: it does not ask which algorithm this
# is.
#
# ## Ask which algorithm it is
#
# `check_optimizer` runs the class beside the printed equations, on gradients that reach every branch of them. It
# compares the parameters, and the state, within what rounding can do to a correct implementation. Those bounds are
# derived from the operations and the number format. Nobody chose a tolerance.

# %%
verdict = check_optimizer(AdamNorm, "adamnorm", profile="quick")
print(verdict.summary())

# %% [markdown]
# Read it from the top.
#
# - The optimizer differs, and it *is Adam*: the correction never takes part. The deviation has a name,
#   `e-never-updated`, and stands with the paper's line and the line that was found.
# - The first difference is $e$ at step 1, equation 4. The paper has a number there, and we have 0.
# - The counterexample is what is left after everything that does not matter was taken away: few parameters, few steps,
#   round numbers. Each `g` is a gradient that you can type in.
#
# So the mistake is in `lifted`: `e` is computed, and never written back to the state. Then $e_t$ is only
# $(1 - \gamma)\|g_t\|$, which is always shorter than the gradient, and nothing is ever lifted.
#
# If it is Adam, it has Adam's losses. That is easy to see, now that we know what to look for:

# %%
adam = losses(torch.optim.Adam)
print("largest distance to the losses of torch's Adam:", max(abs(a - b) for a, b in zip(trained, adam, strict=True)))

# %% [markdown]
# ## Repair it
#
# One line.


# %%
class Repaired(AdamNorm):
    """With the average of the norms kept."""

    def lifted(self, g, state, gamma):
        norm, e = g.norm(), state["exp_grad_norm"]
        e.mul_(gamma).add_(norm, alpha=1 - gamma)
        return torch.where((e > norm) & (norm > 0), e / norm * g, g)


repaired = check_optimizer(Repaired, "adamnorm", profile="quick")
print(repaired.summary())
assert repaired.conforms

# %% [markdown]
# It conforms. The line that begins with `happened` counts how often the correction took part, and in how many of those
# steps the result would have been wrong without it. A check in which the correction never mattered would not pass.
#
# ## The error beside its bound
#
# Every quantity is compared at every step. The figure shows the largest error over all cases, divided by what rounding
# explains. Up to 1, a correct implementation may be there. Points that are exactly 0 are not drawn.

# %%
LOOKS = {
    "e": ("#b34700", "^", "-"),
    "m": ("#0072b2", "s", "--"),
    "v": ("#00664b", "D", ":"),
    "theta": ("#7a3e9d", "o", "-"),
}
STEPS = 12


def ratios(verdict, quantity):
    """The steps and ratios error/bound of a quantity in float64, without zeros."""
    (record,) = [r for r in verdict.records if (r.quantity, r.dtype) == (quantity, "float64")]
    return zip(*[(t, ratio) for t, ratio in enumerate(record.by_step[:STEPS], 1) if ratio > 0], strict=True)


figure, panels = plt.subplots(1, 2, figsize=(9, 4.4), sharey=True, layout="constrained")
for axes, (title, shown) in zip(panels, {"as it was": verdict, "repaired": repaired}.items(), strict=True):
    axes.axhspan(1e-6, 1, color="#e6e6e6", zorder=0)
    axes.axhline(1, color="#555555", linewidth=1)
    for quantity, (colour, marker, dashes) in LOOKS.items():
        steps, values = ratios(shown, quantity)
        axes.plot(steps, values, dashes, color=colour, marker=marker, linewidth=2, label=quantity)
    axes.set(yscale="log", xlabel="step", title=title, xlim=(0.5, STEPS + 0.5), ylim=(1e-6, 1e16))
    axes.grid(alpha=0.3)
panels[0].set_ylabel("error / bound, float64")
panels[1].text(STEPS, 2, "above 1: rounding does not explain it", ha="right", va="bottom")
panels[1].legend(title="quantity", ncols=2, loc="upper right")
show(figure, "ratios")

# %% [markdown]
# On the left $e$ is wrong from the first step. The parameters are right until a gradient comes that is shorter than the
# average: then the moment $m$ leaves its bound, and the parameters with it. No further case is run after one in which
# parameters are wrong, so the lines are short. On the right everything stays below 1.
#
# ## A dialect
#
# Not every difference is a mistake. Some packages add `eps` before the bias correction of $v$ and not after it:


# %%
class Scaled(Repaired):
    """eps is divided by the bias correction too."""

    def denominator(self, v, correction, eps):
        return (v.sqrt() + eps) / correction**0.5


scaled = check_optimizer(Scaled, "adamnorm", profile="quick")
print(scaled.explanation, "- exit code", scaled.exit_code)

allowed = check_optimizer(Scaled, "adamnorm", profile="quick", allow=["eps-scaled"])
print(allowed.outcome, "- exit code", allowed.exit_code)
assert not scaled.conforms
assert allowed.conforms

# %% [markdown]
# `allow` takes a deviation by its name. It was then held against the equations with that one line exchanged, in every
# case, so any other difference still counts. `adanorm-verify list deviations` prints all names.
#
# ## Where to go from here
#
# The verdict is one JSON document:

# %%
document = json.loads(verdict.to_json())
print(document["verdict"], [deviation["name"] for deviation in document["explained_by"]])
print("keys:", ", ".join(document))

# %% [markdown]
# On the command line the same is
#
# ```
# adanorm-verify check my_package:AdamNorm -a adamnorm --profile quick --json verdict.json --html verdict.html
# adanorm-verify replay verdict.json     # the counterexample again, without a search
# adanorm-verify report verdict.json --sarif verdict.sarif
# ```
#
# and in the tests of your package
#
# ```python
# from adanorm_verify.testing import parametrize_with_checks
#
# @parametrize_with_checks([
#     (AdamNorm, "adamnorm"),
#     (Scaled, "adamnorm", {"allow": ["eps-scaled"]}),
# ])
# def test_optimizer(check):
#     check()
# ```
#
# `property_tests/example_project` is a small package that does so.
