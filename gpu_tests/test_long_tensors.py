"""Tensors of 10^8 elements, and of more than an int32 counts."""

from __future__ import annotations

import gc

import pytest
import torch

from gpu_tests.bodies import EACH, embedded


def room(*bytes_wanted: int) -> None:
    gc.collect()
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    if sum(bytes_wanted) > free:
        pytest.skip(f"needs {sum(bytes_wanted):,} bytes of GPU memory, {free:,} are free")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@EACH
def test_a_hundred_million_elements(shipped, dtype):
    numel = 10**8
    room(6 * numel * 4)
    worst, compared = embedded(shipped, "cuda", dtype, numel)
    assert worst <= 1
    assert compared > 0


@EACH
def test_more_elements_than_an_int32_counts(shipped):
    numel = 2**31 + 2**20 + 3
    room(7 * numel * 2)  # one more for the search of those that moved
    worst, compared = embedded(shipped, "cuda", "bfloat16", numel)
    assert worst <= 1
    assert compared > 0
