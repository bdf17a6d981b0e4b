"""Runs of the counterexample in plain floats, and the average regret that they had.

    python -m theory.counterexample_runs 1000000

prints the rows of MEASURED up to that horizon; the tests compute its first columns again.
"""

from __future__ import annotations

import sys
from math import exp, sqrt

BASES = ("sgd", "amsgrad", "adam", "diffgrad", "radam", "adabelief")
RATES = {"0.001": (0.001, 0.0), "0.1/sqrt(t)": (0.1, 0.5)}
"""alpha_t by its name: alpha, and the power of t that divides it."""
HORIZONS = (10**3, 10**4, 10**5, 10**6)

MEASURED: dict[str, dict[str, tuple[float, ...]]] = {
    "0.001": {
        "sgd": (0.2814, 0.0518, 0.0068, 0.0023),
        "sgd+": (0.3491, 0.496, 0.6509, 0.6664),
        "amsgrad": (0.3064, 0.0958, 0.0097, 0.0011),
        "amsgrad+": (0.3409, 0.4164, 0.6339, 0.6633),
        "adam": (0.3064, 0.0957, 0.0097, 0.0011),
        "adam+": (0.3409, 0.4165, 0.6339, 0.6633),
        "diffgrad": (0.3097, 0.1078, 0.0109, 0.0012),
        "diffgrad+": (0.3377, 0.3793, 0.6088, 0.6608),
        "radam": (0.3237, 0.1246, 0.0126, 0.0014),
        "radam+": (0.337, 0.4027, 0.6309, 0.663),
        "adabelief": (0.3042, 0.0893, 0.0091, 0.0011),
        "adabelief+": (0.3402, 0.4099, 0.6312, 0.6631),
    },
    "0.1/sqrt(t)": {
        "sgd": (0.0298, 0.0055, 0.0013, 0.0004),
        "sgd+": (0.2795, 0.5489, 0.6555, 0.6658),
        "amsgrad": (0.0701, 0.0073, 0.0008, 0.0001),
        "amsgrad+": (0.2793, 0.4331, 0.6388, 0.6639),
        "adam": (0.0701, 0.0073, 0.0008, 0.0001),
        "adam+": (0.2793, 0.4332, 0.6388, 0.6639),
        "diffgrad": (0.0886, 0.0091, 0.001, 0.0001),
        "diffgrad+": (0.2656, 0.351, 0.5892, 0.6589),
        "radam": (0.1255, 0.0144, 0.0015, 0.0002),
        "radam+": (0.1993, 0.3232, 0.613, 0.6613),
        "adabelief": (0.059, 0.0062, 0.0007, 0.0001),
        "adabelief+": (0.2682, 0.4103, 0.6329, 0.6633),
    },
}
"""Rate, then method, to the average regret at HORIZONS from theta_1 = 0 at the defaults; `+` with the correction."""


def regrets(base: str, corrected: bool, rate: str, horizon: int, start: float = 0.0) -> tuple[float, ...]:
    """R(T)/T at each of HORIZONS up to `horizon`, to four decimals; eps = 0, AMSGrad as torch has it."""
    alpha, power = RATES[rate]
    beta1, beta2, gamma = 0.9, 0.999, 0.95
    rho_inf = 2 / (1 - beta2) - 1
    theta, e, m, v, v_max, g_prev, regret = start, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    power1, power2 = 1.0, 1.0
    found = []
    for t in range(1, horizon + 1):
        if t % 3 == 1:
            regret += 3 * abs(theta + 1)
            g = 3.0 if theta >= -1 else -3.0
        else:
            regret += abs(theta - 1) - 2
            g = 1.0 if theta >= 1 else -1.0
        e = gamma * e + (1 - gamma) * abs(g)
        s = max(1.0, e / abs(g)) * g if corrected else g
        power1 *= beta1
        power2 *= beta2
        m = s if base == "sgd" else beta1 * m + (1 - beta1) * s
        step = alpha / t**power
        if base != "sgd":
            v = beta2 * v + (1 - beta2) * ((s - m) if base == "adabelief" else g) ** 2
            v_max = max(v_max, v)
            step /= (1 - power1) * sqrt((v_max if base == "amsgrad" else v) / (1 - power2))
            if base == "diffgrad":
                step /= 1 + exp(-abs(g - g_prev))
            if base == "radam":
                rho = rho_inf - 2 * t * power2 / (1 - power2)
                if rho >= 5:
                    step *= sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
                else:
                    step = alpha / t**power / (1 - power1)
        theta -= step * m
        g_prev = g
        if t in HORIZONS:
            found.append(round(regret / t, 4))
    return tuple(found)


def table(horizon: int) -> dict[str, dict[str, tuple[float, ...]]]:
    """What MEASURED holds, up to a horizon."""
    return {
        rate: {base + "+" * corrected: regrets(base, corrected, rate, horizon) for base in BASES
               for corrected in (False, True)}
        for rate in RATES
    }  # fmt: skip


if __name__ == "__main__":
    for rate_name, rows in table(int(sys.argv[1])).items():
        print(f'    "{rate_name}": {{')
        for row, numbers in rows.items():
            print(f'        "{row}": {numbers},')
        print("    },")
