"""The kernels of the fused step under Triton's interpreter, on CPU tensors; in a process with TRITON_INTERPRET=1.

Triton decides when it is imported whether its functions are interpreted, so that a process that may have imported
it for something else cannot run these.
"""

from __future__ import annotations

import contextlib

import numpy as np
import torch
import triton
import triton.language as tl
from triton.runtime import interpreter

from adanorm_verify import check_optimizer, optim
from adanorm_verify.optim import _fused_cuda, _kernels

RULES = {
    "AdamNorm": "adam",
    "DiffGrad": "diffgrad",
    "DiffGradNorm": "diffgrad",
    "RAdamNorm": "radam",
    "AdaBelief": "adabelief",
    "AdaBeliefNorm": "adabelief",
}


def start() -> None:
    """Called once in the process."""
    assert triton.knobs.runtime.interpret, "TRITON_INTERPRET=1 was not set before Triton was imported"
    torch.set_num_threads(1)
    interpreter._convert_float = rounding_to_nearest(interpreter._convert_float)
    _kernels.BLOCK = 64  # many chunks of small tensors
    _kernels.LANES = 4  # and several rounds over the chunks


def rounding_to_nearest(convert):
    """The interpreter cuts float32 off to bfloat16, where a device rounds to nearest."""

    def converted(data, source, target, mode):
        if (source, target) != (tl.float32, tl.bfloat16):
            return convert(data, source, target, mode)
        rounded = torch.from_numpy(np.array(data, dtype=np.float32)).to(torch.bfloat16)
        return rounded.view(torch.int16).numpy().view(np.uint16)

    return converted


def subject(name: str) -> type[optim.AdamNorm]:
    """The optimizer of that name, its steps those of the interpreted kernels."""

    class Interpreted(getattr(optim, name)):
        grad_scale: torch.Tensor | None = None
        found_inf: torch.Tensor | None = None

        def _step_each(self, tensors, options):
            if tensors:
                _fused_cuda.fused_step(RULES[name], tensors, options, self.grad_scale, self.found_inf)

    Interpreted.__name__ = Interpreted.__qualname__ = name
    return Interpreted


def verdict(name: str, algorithm: str, arguments, decisions, dtypes):
    """Outcome and summary of the check of a subject."""
    found = check_optimizer(
        subject(name),
        algorithm,
        arguments={**arguments, "foreach": False, "capturable": False},
        decisions=decisions,
        profile="quick",
        dtypes=dtypes,
        explain=False,
    )
    return found.outcome, found.summary(), sum(run.cases for run in found.runs)
