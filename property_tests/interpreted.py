"""The kernels of the fused step under Triton's interpreter, on CPU tensors; in a process with TRITON_INTERPRET=1.

Triton decides when it is imported whether its functions are interpreted, so that a process that may have imported
it for something else cannot run these.
"""

from __future__ import annotations

import gc
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
from adanorm_verify.optim import _fused, _fused_cuda, _kernels
from adanorm_verify.paper import algorithm
from adanorm_verify.runs import Check, probe, run_case
from adanorm_verify.subject import DTYPES, Subject
from gpu_tests import bodies


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
        spec = spec_from_file_location("mutant", path)
        mutant = module_from_spec(spec)
        spec.loader.exec_module(mutant)
        mutant.BLOCK, mutant.LANES = _kernels.BLOCK, _kernels.LANES
        original = optim._kernels
        optim._kernels = mutant
        try:
            return followed(*subject)
        finally:
            optim._kernels = original


def parameters(shapes, seed: int = 0) -> list[torch.nn.Parameter]:
    """Normal deviates, with gradients that are normal deviates too."""
    generator = torch.Generator().manual_seed(seed)
    made = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    for parameter in made:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    return made


def everything(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Parameters and state, as copies."""
    found = []
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state[parameter]
            found += [parameter.detach().clone(), *(state[key].clone() for key in sorted(state))]
    return found


def differing(name: str, options, ways) -> list[str]:
    """Which of `ways` (functions of this module by name) leave other bits than a plain run of three steps."""
    wanted = plain(name, options)
    return [
        way
        for way in ways
        if not all(torch.equal(a, b) for a, b in zip(wanted, globals()[way](name, options), strict=True))
    ]


SHAPES = ((), (1,), (0,), (5, 13), (64,), (200,), (3, 2, 4))


def made(name: str, options, shapes=SHAPES):
    params = parameters(shapes)
    return params, getattr(optim, name)(params, lr=0.1, fused=True, **options)


def plain(name: str, options):
    _, optimizer = made(name, options)
    for _ in range(3):
        optimizer.step()
    return everything(optimizer)


def new_gradients(name: str, options):
    """Gradients that lie elsewhere at every step."""
    params, optimizer = made(name, options)
    kept = []
    for _ in range(3):
        kept += [p.grad for p in params]
        for p in params:
            p.grad = p.grad.clone()
        optimizer.step()
    return everything(optimizer)


def scaled_gradients(name: str, options):
    """A scale that is a power of two, which divides without rounding; a step that overflowed comes between."""
    params, optimizer = made(name, options)
    scale, clean, overflow = torch.tensor(1024.0), torch.zeros(1), torch.ones(1)
    for step, found_inf in enumerate((clean, overflow, clean, clean)):
        grads = [p.grad for p in params]
        for p in params:
            p.grad = p.grad * (scale if not found_inf else float("nan"))
        before = everything(optimizer) if step else None
        given = [p.grad.clone() for p in params]
        optimizer.grad_scale, optimizer.found_inf = scale, found_inf
        optimizer.step()
        assert all(torch.equal(p.grad, g) or found_inf for p, g in zip(params, given, strict=True))
        if found_inf:
            assert all(torch.equal(a, b) for a, b in zip(before, everything(optimizer), strict=True))
        for p, g in zip(params, grads, strict=True):
            p.grad = g
    return everything(optimizer)


def one_by_one(name: str, options):
    """Lists of one tensor, with a rate on the device, its bits those of the number."""
    params = parameters(SHAPES)
    optimizers = [
        getattr(optim, name)([p], lr=torch.tensor(0.1, dtype=torch.float64), fused=True, **options) for p in params
    ]
    for _ in range(3):
        for optimizer in optimizers:
            optimizer.step()
    return [tensor for optimizer in optimizers for tensor in everything(optimizer)]


def loaded(name: str, options):
    """A checkpoint between the steps, loaded where another list has been stepped before."""
    _, optimizer = made(name, options)
    optimizer.step()
    params, other = made(name, options)
    other.step()
    for p, q in zip(params, optimizer.param_groups[0]["params"], strict=True):
        p.data.copy_(q)
    other.load_state_dict(optimizer.state_dict())
    for _ in range(2):
        other.step()
    return everything(other)


LAYOUTS = {
    "transposed parameter": lambda p: (torch.nn.Parameter(p.detach().t().contiguous().t()), p.grad),
    "transposed gradient": lambda p: (p, p.grad.t().contiguous().t()),
    "expanded gradient": lambda p: (p, p.grad[:1].expand(p.shape)),
    "strided parameter": lambda p: (torch.nn.Parameter(p.detach().repeat(1, 2)[:, ::2]), p.grad),
    "unaligned parameter": lambda p: (
        torch.nn.Parameter(torch.cat([torch.zeros(1), p.detach().ravel()])[1:].view(p.shape)),
        p.grad,
    ),
}


def wrong_layouts(name: str, options) -> list[str]:
    """In which of `LAYOUTS` three steps move a parameter otherwise than in one contiguous piece.

    Only the order of a sum may differ, in the norm: 84 terms (Higham, 4.2), and m may cancel to a tenth of them.
    """
    wrong = []
    for layout, arrange in LAYOUTS.items():
        [p] = parameters([(7, 12)])
        p, p.grad = arrange(p)
        q = torch.nn.Parameter(p.detach().clone(memory_format=torch.contiguous_format))
        q.grad = p.grad.clone(memory_format=torch.contiguous_format)
        for x in (p, q):
            optimizer = getattr(optim, name)([x], lr=0.1, fused=True, **options)
            for _ in range(3):
                optimizer.step()
        tolerance = 84 * 10 * torch.finfo(p.dtype).eps
        if not torch.allclose(p, q, rtol=tolerance, atol=tolerance):
            wrong.append(layout)
    return wrong


def still() -> list[str]:
    """Optimizers that move a coordinate without a gradient, though eps is 0."""
    moved = []
    for name in optim.__all__:
        [p] = parameters([(5,)])
        p.grad = torch.tensor([0.0, 1.0, 0.0, -1.0, 0.0])
        before = p.detach().clone()
        getattr(optim, name)([p], betas=(0.0, 0.999), eps=0.0, fused=True).step()
        if not torch.equal(p[::2], before[::2]) or not torch.isfinite(p).all():
            moved.append(name)
    return moved


def long_list() -> bool:
    """Whether 161 tensors come out as they do one by one."""
    shapes = [(1 + i % 70,) for i in range(161)]
    params, alone = parameters(shapes), parameters(shapes)
    for group in (params, *([p] for p in alone[::20])):
        optim.AdamNorm(group, lr=0.1, fused=True).step()
    return all(torch.equal(p, q) for p, q in zip(params[::20], alone[::20], strict=True))


def reused() -> list[bool]:
    """Whether the table of addresses was the same at a second step, with other gradients, and in a new list."""
    params, optimizer = made("AdamNorm", {})

    def tables(state):
        plan = _fused_cuda._entries[state["step"]].plan
        return plan.table, plan.grads

    optimizer.step()
    first = tables(optimizer.state[params[0]])
    optimizer.step()
    second = tables(optimizer.state[params[0]])
    kept = [p.grad for p in params]
    for p in params:
        p.grad = p.grad.clone()
    optimizer.step()
    third = tables(optimizer.state[params[0]])
    del kept
    params[0].data = params[0].data.clone()
    optimizer.step()
    fourth = tables(optimizer.state[params[0]])
    entries = len(_fused_cuda._entries)
    del params, optimizer
    gc.collect()
    return [
        all(a is b for a, b in zip(first, second, strict=True)),
        third[0] is second[0] and third[1] is not second[1],
        fourth[0] is not third[0],
        len(_fused_cuda._entries) < entries,
    ]


def for_gpus(name: str, options) -> tuple[bool, float, int]:
    """What `gpu_tests` do: whether a scaler changes no bit, and a short tensor spread over a long one."""
    shipped = next(s for s in SHIPPED if s.name == name)
    same = bodies.same(bodies.scaled(name, "cpu", options), bodies.plain(name, "cpu", 3, options))
    return same, *bodies.embedded(shipped, "cpu", "float32", 1500)


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
