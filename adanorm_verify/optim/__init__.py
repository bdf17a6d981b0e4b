"""PyTorch optimizers of the AdaNorm paper, arXiv:2210.06364.

=================  ============================  ===========================
class              update                        source
=================  ============================  ===========================
AdamNorm           Adam with corrected gradient  eqs. 3-9, Algorithm 2
DiffGrad           diffGrad                      Algorithm 3
DiffGradNorm       diffGrad, corrected           Algorithm 4
RAdamNorm          RAdam, corrected              Algorithm 6
AdaBelief          AdaBelief                     Algorithm 7
AdaBeliefNorm      AdaBelief, corrected          Algorithm 8
=================  ============================  ===========================

Those with the correction take `guard="decaying"`, AdamNorm also `amsgrad=True`; neither is in the paper.
"""

from .adabelief import AdaBelief, AdaBeliefNorm
from .adam import AdamNorm
from .diffgrad import DiffGrad, DiffGradNorm
from .radam import RAdamNorm

__all__ = ["AdaBelief", "AdaBeliefNorm", "AdamNorm", "DiffGrad", "DiffGradNorm", "RAdamNorm"]
