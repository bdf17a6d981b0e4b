"""The kernels of the fused step on CUDA, without a GPU: Triton's interpreter runs them on CPU tensors."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from types import SimpleNamespace
from unittest import mock

import pytest

from adanorm_verify.gate import SHIPPED
from gpu_tests import bodies

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed: pip install triton")

DTYPES = ("float32", "bfloat16", "float64", "float16")
SUBJECTS = [
    pytest.param(
        (s.name, s.algorithm, s.arguments, s.decisions, DTYPES[i % 4]), id=f"{s.algorithm}-{i}-{DTYPES[i % 4]}"
    )
    for i, s in enumerate(SHIPPED)
]
OPTIONS = [
    ("AdamNorm", {"weight_decay": 0.1}),
    ("DiffGradNorm", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdamNorm", {"maximize": True, "guard": "decaying"}),
    ("AdaBeliefNorm", {"belief": "g"}),
    ("AdamNorm", {"amsgrad": True}),
]
MUTANTS = {
    "no correction": ("m = beta1 * m + weight1 * s", "m = beta1 * m + weight1 * g", "adamnorm"),
    "a norm longer than the average": ("tl.where(factor < 1.0, 1.0, factor)", "factor", "adamnorm"),
    "a tensor's last chunk": ("mask=index < chunks", "mask=index < chunks - 1", "adamnorm"),
    "every chunk the first": ("tl.load(table + _FIRST_CHUNK * count + tensor)) * BLOCK", "chunk) * BLOCK", "adamnorm"),
    "the count of a step": ("t = counted.to(tl.float64)", "t = counted.to(tl.float64) + 1.0", "adamnorm"),
    "a maximum": ("tl.where(v <= so_far, so_far, v)", "v", "amsgradnorm"),
    "the friction": ("tl.exp(-change)", "tl.exp(change)", "diffgrad"),
    "rectification": ("rho >= _RECTIFIABLE)", "rho >= 4.0)", "radamnorm"),
    "the spread": ("x = s - m\n", "x = s\n", "adabeliefnorm"),
}


@pytest.fixture(scope="module")
def call():
    """Call a function of `interpreted` in a process of its own, where Triton interprets."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with mock.patch.dict(os.environ, TRITON_INTERPRET="1", OMP_NUM_THREADS="1"):
            pool.submit(in_interpreter, "start").result()  # the process starts here, and keeps this environment
        yield lambda name, *arguments: pool.submit(in_interpreter, name, *arguments).result()


def in_interpreter(name: str, *arguments):
    import interpreted
    import interpreted_steps

    module = interpreted if hasattr(interpreted, name) else interpreted_steps
    return getattr(module, name)(*arguments)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_kernels_stay_inside_the_envelope(call, subject):
    compared, failure = call("followed", *subject)
    assert not failure
    assert compared > 100


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_of_the_kernels_does_not(call, mutant):
    old, new, name = MUTANTS[mutant]
    shipped = next(s for s in SHIPPED if s.algorithm == name)
    _, failure = call("mutated", old, new, shipped.name, name, shipped.arguments, shipped.decisions, "float32")
    assert "theta" in failure


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_every_way_to_the_same_steps_leaves_the_same_bits(call, name, options):
    ways = ("plain", "new_gradients", "scaled_gradients", "one_by_one", "loaded")
    assert call("differing", name, options, ways) == []


@pytest.mark.parametrize(("name", "options"), OPTIONS[:2])
def test_the_layout_of_memory_does_not_matter(call, name, options):
    assert call("wrong_layouts", name, options) == []


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_moments_of_halves_may_be_kept_in_float32(call, name, options):
    """As by the unfused step, but for the order of a few roundings of float32; bfloat16 has 2**-8."""
    assert call("moments_in_float32", name, options) < 2.0**-18


def test_what_is_asked_of_gpus_holds_where_it_is_interpreted(call):
    same, worst, compared = call("for_gpus", "AdamNorm", {"fused": True})
    assert same
    assert worst <= 1
    assert compared > 0


def test_an_optimizer_that_lifts_nothing_is_caught_where_a_tensor_is_long():
    adam = SimpleNamespace(target="torch.optim:Adam", name="Adam", algorithm="adamnorm", arguments={}, decisions={})
    worst, compared = bodies.embedded(adam, "cpu", "float32", 1500)
    assert worst > 1
    assert compared > 0


def test_a_coordinate_without_gradient_stays_where_nothing_divides(call):
    assert call("still") == []


def test_state_of_another_size_is_refused(call):
    assert call("state_of_another_size") == "fused=True needs exp_avg with 64 elements, got 63"


def test_a_long_list_is_as_its_tensors_alone(call):
    assert call("long_list")


def test_addresses_are_sent_again_only_where_they_changed(call):
    assert call("reused") == [True] * 4


def test_what_a_captured_graph_reads_is_kept_and_what_it_cannot_have_is_refused(call):
    """That a graph is captured is pretended; a real one needs a GPU."""
    same, elsewhere, twice, new = call("captures")
    assert same == "1 kept"
    assert elsewhere == "2 kept"
    for refused in (twice, new):
        assert refused.startswith("a fused step that is captured must find its tensors where")


BUILDS = {
    80: {"float32": ("AdamNorm", {"amsgrad": True, "weight_decay": 0.1}), "bfloat16": ("DiffGradNorm", {})},
    90: {"float32": ("RAdamNorm", {}), "bfloat16": ("AdaBeliefNorm", {"guard": "decaying", "maximize": True})},
}
"""Compute capability and dtype to what is compiled: every rule once."""


@pytest.mark.parametrize("capability", list(BUILDS), ids=lambda capability: f"sm_{capability}")
def test_the_launches_compile_for_a_gpu(tmp_path, capability):
    """Whole vectors are moved, quotients and roots are rounded to nearest, and nothing is contracted."""
    with (
        mock.patch.dict(os.environ, TRITON_CACHE_DIR=str(tmp_path), TRITON_INTERPRET="0"),
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
    ):
        for dtype, (name, options) in BUILDS[capability].items():
            found = pool.submit(compiled_for, capability, name, dtype, options).result()
            assert set(found) == {"square_sums", "scalars", "update"}
            for kernel in ("square_sums", "update"):
                assert "ld.global.v4.b32" in found[kernel]
                assert not {operation for operation in found[kernel] if operation.startswith("fma.rn.f32")}
                assert not {operation for operation in found[kernel] if "approx" in operation or ".full" in operation}
            assert {"st.global.v4.b32", "div.rn.f32", "sqrt.rn.f32"} <= found["update"]


def compiled_for(*arguments):
    import compiled

    return compiled.instructions(*arguments)
