"""AMSGrad: Adam that divides by the largest second moment so far. Not an algorithm of the AdaNorm paper.

Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond", ICLR 2018, with Adam's bias corrections as torch has it;
their own Algorithm 2 has none.
"""

from dataclasses import replace

import numpy as np

from .adam import ADAM
from .equations import Algorithm, Equation


def v_max(v_max_prev, v):
    return np.maximum(v_max_prev, v)


MAXIMUM = Equation("v_max", v_max, "v_max_t ← max(v_max_{{t−1}}, v_t)")


def keeping_maximum(base: Algorithm, *, name: str, title: str, source: str) -> Algorithm:
    """`base` with the largest v so far in the place of v behind it, also where a decision or a deviation will read v.

    The equations lose their numbers, which are of the AdaNorm paper.
    """
    at = base.names.index("v") + 1
    behind = (equation.reading(v=MAXIMUM.name) for equation in base.equations[at:])
    listed = (*base.equations[:at], MAXIMUM, *behind)
    return Algorithm(name, title, source, tuple(replace(equation, number=None) for equation in listed))


AMSGRAD = keeping_maximum(ADAM, name="amsgrad", title="AMSGrad", source="Reddi, Kale and Kumar 2018")
