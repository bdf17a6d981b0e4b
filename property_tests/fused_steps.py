"""Parameters, gradients and steps for the tests of the fused step on a CPU."""

from __future__ import annotations

import subprocess
import sys

import torch


def ones(**options):
    return torch.ones(2, **{"requires_grad": True} | options)


def moved(optimizer, params, gradients):
    for step in gradients:
        for p, g in zip(params, step, strict=True):
            p.grad = g
        optimizer.step()
    return [p.detach() for p in params]


def gradients(shapes, steps=7, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes] for _ in range(steps)]


def starts(shapes, dtype=torch.float32):
    return [torch.linspace(-1, 1, torch.Size(shape).numel(), dtype=dtype).reshape(shape) for shape in shapes]


SHAPES = [(70, 11), (), (0, 3), (1,), (513,)]


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
