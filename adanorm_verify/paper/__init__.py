"""The paper as data: eight algorithms, each an ordered list of named equations.

Dubey, Singh and Chaudhuri, "AdaNorm: Adaptive Gradient Norm Correction based Optimizer for CNNs", WACV 2023.
"""

from .algorithms import PRINTED, algorithm
from .decisions import DECISIONS, Decision
from .equations import HYPERPARAMETERS, PREVIOUS, Algorithm, Equation
from .hyperparameters import Hyperparameters

__all__ = [
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
