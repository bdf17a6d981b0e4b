"""What the kernels of `_kernels` do to memory and with a quotient or a root, in whichever dtype they compute."""

import triton
import triton.language as tl


@triton.jit
def divided(a, b, COMPUTE: tl.constexpr):
    # The plain operators are approximate in float32, and flush what is subnormal (before Triton 3.6 these do too).
    if tl.float32 == COMPUTE:
        return tl.div_rn(a, b)
    else:
        return a / b


@triton.jit
def rooted(x, COMPUTE: tl.constexpr):
    if tl.float32 == COMPUTE:
        return tl.sqrt_rn(x)
    else:
        return tl.sqrt(x)


@triton.jit
def pointer_to(row, tensor, TYPE: tl.constexpr, ALIGNED: tl.constexpr):
    """The address in `row` as a pointer; `ALIGNED` promises 16 bytes, and then whole vectors are moved."""
    pointer = tl.load(row + tensor).to(tl.pointer_type(TYPE))
    if ALIGNED:
        pointer = tl.multiple_of(pointer, 16)
    return pointer


@triton.jit
def read(pointer, offsets, mask, COMPUTE: tl.constexpr, MASKED: tl.constexpr):
    if MASKED:
        return tl.load(pointer + offsets, mask=mask, other=0.0).to(COMPUTE)
    else:
        return tl.load(pointer + offsets).to(COMPUTE)


@triton.jit
def write(pointer, offsets, value, mask, MASKED: tl.constexpr):
    value = value.to(pointer.dtype.element_ty)
    if MASKED:
        tl.store(pointer + offsets, value, mask=mask)
    else:
        tl.store(pointer + offsets, value)
