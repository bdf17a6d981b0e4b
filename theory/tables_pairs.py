"""What Tables 4 and 5 share: six rows, Adam and AdamNorm at three settings each."""

from fractions import Fraction

from adanorm_verify.ledger import Finding, claims

from . import tables_data as printed_tables
from .tables_claims import Rows, as_printed, count, decimal, everywhere, printed


def by_row(values: list[Fraction]) -> dict[str, str]:
    return {row: decimal(x) for row, x in zip(printed_tables.ROWS45, values, strict=True)}


def always(adam: Rows, norm: Rows, of: str) -> Finding:
    instance = printed(adam=adam, norm=norm)
    pairs = [(a, b) for row, other in zip(adam, norm, strict=True) for a, b in zip(row, other, strict=True)]

    def exceeds(a: str, b: str, errors: int) -> bool:
        x, y = 100 * Fraction(a), 100 * Fraction(b)
        return 10000 * (y - x) ** 2 > errors**2 * (x * (10000 - x) + y * (10000 - y))

    sizes = {k: sum(exceeds(a, b, k) for a, b in pairs) for k in (1, 2)}
    yardstick = "100*adam[i, j]*(10000 - 100*adam[i, j]) + 100*norm[i, j]*(10000 - 100*norm[i, j])"
    return Finding(
        (
            as_printed(instance),
            claims(f"all 18 pairs, a claim a {of}", *everywhere("norm[i, j] > adam[i, j]", 6, 3)),
            claims(
                "how many of the 18 exceed one and two standard errors of a difference of independent accuracies on "
                "10,000 images (squared, in images)",
                *(
                    f"{count(f'10000*(100*(norm[i, j] - adam[i, j]))**2 - {k**2}*({yardstick})', 6, 3)} == {number}"
                    for k, number in sizes.items()
                ),
            ),
        ),
        instance,
        {"pairs": 18, "exceptions": [], "exceed one standard error": sizes[1], "exceed two": sizes[2]},
    )
