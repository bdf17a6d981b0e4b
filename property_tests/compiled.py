"""The launches of the fused step on CUDA, bound and compiled for a GPU that is not there; nothing is run."""

from __future__ import annotations

import re

import torch
from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from adanorm_verify import optim
from adanorm_verify.optim import _fused

INSTRUCTIONS = re.compile(r"^\s*(?:@%\S+\s+)?((?:ld|st)\.global|fma|div|sqrt|mad)(\S*)", re.MULTILINE)


class Absent(DriverBase):
    """The driver of a device of some compute capability."""

    def __init__(self, capability: int) -> None:
        self.capability = capability

    @classmethod
    def is_active(cls) -> bool:
        return True

    def map_python_to_cpp_type(self, ty: str) -> str:
        raise NotImplementedError

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self.capability, 32)

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cuda")

    def get_current_device(self) -> int:
        return self.capability  # what is compiled is kept by device

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_benchmarker(self):
        raise NotImplementedError


def instructions(capability: int, name: str, dtype: str, options) -> dict[str, set[str]]:
    """The memory accesses and inexact operations of each kernel that one step launches, with their types."""
    found: dict[str, set[str]] = {}

    def compile_only(kernel, grid):
        assert all(isinstance(size, int) and size > 0 for size in grid)

        def launch(*arguments, **flags):
            built = kernel.run(*arguments, grid=grid, warmup=True, **flags)
            assert built.asm["cubin"]
            found[kernel.__name__] = {"".join(match) for match in INSTRUCTIONS.findall(built.asm["ptx"])}

        return launch

    _fused._MODULES["cpu"] = "_fused_cuda", "triton"
    driver.set_active(Absent(capability))
    JITFunction.__getitem__ = compile_only
    parameter = torch.nn.Parameter(torch.ones(5000, dtype=getattr(torch, dtype)))
    parameter.grad = torch.ones_like(parameter)
    optimizer = getattr(optim, name)([parameter], fused=True, **options)
    optimizer.grad_scale, optimizer.found_inf = torch.ones(()), torch.zeros(1)
    optimizer.step()
    return found
