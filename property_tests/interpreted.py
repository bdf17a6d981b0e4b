"""The kernels of the fused step under Triton's interpreter, on CPU tensors; in a process with TRITON_INTERPRET=1.

Triton decides when it is imported whether its functions are interpreted, so that a process that may have imported
it for something else cannot run these.
"""

from __future__ import annotations

from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import triton
import triton.language as tl
from triton.runtime import interpreter

from adanorm_verify import check_optimizer, optim, streams
from adanorm_verify.gate import SHIPPED
from adanorm_verify.optim import _fused, _kernels
from adanorm_verify.paper import algorithm
from adanorm_verify.runs import Check, probe, run_case
from adanorm_verify.subject import DTYPES, Subject


def start() -> None:
    """Called once in the process: `fused=True` on a CPU is from now on the step for CUDA, interpreted."""
    assert triton.knobs.runtime.interpret, "TRITON_INTERPRET=1 was not set before Triton was imported"
    torch.set_num_threads(1)
    _fused._MODULES["cpu"] = "_fused_cuda", "triton"
    _kernels.BLOCK = 64  # many chunks of small tensors
    _kernels.LANES = 4  # and several rounds over the chunks
    interpreter._convert_float = rounding_to_nearest(interpreter._convert_float)
    interpreter._patch_lang = once_for_each(interpreter._patch_lang)


def once_for_each(patch):
    """The interpreter rewrites Triton's language at every call of every function; once will do."""
    done = cache(patch)

    def patched(function):
        done(function)
        tl.tensor.__index__ = lambda self: int(self.handle.data.item())  # NumPy wants no array of one for an int
        return interpreter._LangPatchScope()  # nothing to undo

    return patched


def rounding_to_nearest(convert):
    """The interpreter cuts float32 off to bfloat16, where a device rounds to nearest."""

    def converted(data, source, target, mode):
        if (source, target) != (tl.float32, tl.bfloat16):
            return convert(data, source, target, mode)
        rounded = torch.from_numpy(np.array(data, dtype=np.float32)).to(torch.bfloat16)
        return rounded.view(torch.int16).numpy().view(np.uint16)

    return converted


CASES = (
    "norm drops",
    "groups, missing gradients, all shapes",
    "zeros among non-zeros",
    "no memory",
    "rectification switches early",
    "large eps",
    "long tensor",
)
"""Few, since the interpreter takes some milliseconds for a step of a tensor; several chunks in the last one."""


def followed(name: str, algorithm_name: str, arguments, decisions, dtype: str) -> tuple[int, str]:
    """How many parameters of `CASES` were compared with their envelopes, and what failed."""
    path = {"fused": True, "foreach": False, "capturable": False}
    subject = Subject(getattr(optim, name), name, {**arguments, **path})
    check = Check(subject, algorithm(algorithm_name, decisions), subject.base, "cpu")
    combination = probe(check, "default", dtype)
    cases = [case for case in streams.designed(dtype) if case.name in CASES]
    for case in cases:
        run_case(check, case, [combination])  # does nothing after a failure
    failure = combination.note or combination.refusal
    if combination.failure:
        case, comparison = combination.failure
        failure = f"{case.name}: {comparison}"
    return combination.tallies["theta"].compared if combination.tallies else 0, failure


def mutated(old: str, new: str, *subject) -> tuple[int, str]:
    """`followed` with a piece of the kernels replaced."""
    source = Path(_kernels.__file__).read_text()
    assert old in source
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.py"  # Triton reads the source of its functions
        path.write_text(source.replace(old, new))
        spec = spec_from_file_location(f"{_kernels.__package__}.mutant", path)  # for its relative imports
        mutant = module_from_spec(spec)
        spec.loader.exec_module(mutant)
        mutant.BLOCK, mutant.LANES = _kernels.BLOCK, _kernels.LANES
        original = optim._kernels
        optim._kernels = mutant
        try:
            return followed(*subject)
        finally:
            optim._kernels = original


def full_gate() -> None:
    """Every shipped optimizer with the quick profile in every dtype: minutes."""
    start()
    for shipped in SHIPPED:
        found = check_optimizer(
            shipped.target,
            shipped.algorithm,
            arguments={**shipped.arguments, "fused": True, "foreach": False, "capturable": False},
            decisions=shipped.decisions,
            profile="quick",
            dtypes=tuple(DTYPES),
            explain=False,
        )
        print(found.summary(), flush=True)


if __name__ == "__main__":
    full_gate()
