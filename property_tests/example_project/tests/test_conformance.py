"""Every optimizer of this package is what it claims to be, or the test says why it is not."""

import torch
from tinyoptim import AdamNorm, DraftAdamNorm, ScaledAdamNorm

from adanorm_verify.testing import assert_conforms, parametrize_with_checks

torch.set_num_threads(1)  # the tensors are tiny


@parametrize_with_checks(
    [
        (AdamNorm, "adamnorm"),
        (ScaledAdamNorm, "adamnorm", {"allow": ["eps-scaled"]}),
        (DraftAdamNorm, "adamnorm", {"expect": {"trajectory": "a draft: v averages the lifted gradient"}}),
    ]
)
def test_optimizer(check):
    check()


def test_optimizer_of_another_package():
    assert_conforms("torch.optim:RAdam", "radam")
