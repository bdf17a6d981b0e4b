"""The paper as data: its eight algorithms, and AMSGrad with and without, each an ordered list of named equations.

Dubey, Singh and Chaudhuri, "AdaNorm: Adaptive Gradient Norm Correction based Optimizer for CNNs", WACV 2023.
"""

from .algorithms import ALGORITHMS, PRINTED, algorithm
from .decisions import DECISIONS, Decision
from .equations import HYPERPARAMETERS, PREVIOUS, Algorithm, Equation
from .hyperparameters import Hyperparameters

__all__ = [
    "ALGORITHMS",
    "DECISIONS",
    "HYPERPARAMETERS",
    "PREVIOUS",
    "PRINTED",
    "Algorithm",
    "Decision",
    "Equation",
    "Hyperparameters",
    "algorithm",
]
