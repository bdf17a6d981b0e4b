"""Table 5 and the sentences about it: batch sizes."""

from fractions import Fraction

from adanorm_verify.ledger import Entry, Finding, claims

from . import tables_data as printed_tables
from .tables_claims import Rows, as_printed, count, exactly, largest, printed
from .tables_pairs import always, by_row

ADAM, NORM = printed_tables.TABLE5_ADAM, printed_tables.TABLE5_ADAMNORM
ROWS = printed_tables.ROWS45


def spread(rows: Rows) -> list[Fraction]:
    return [max(Fraction(x) for x in row) - min(Fraction(x) for x in row) for row in rows]


def width(name: str, i: str) -> str:
    return f"{largest(name, i)} - min({name}[{i}, j] for j in range(1, 4))"


def at_each_size() -> Finding:
    return always(ADAM, NORM, "batch size")


def adam_and_large_batches() -> Finding:
    instance = printed(adam=ADAM, norm=NORM)
    return Finding(
        (
            as_printed(instance),
            claims(
                "128 is the best batch size for Adam in four rows of six (rows 2, 3, 4, 6), and 32 in two",
                *(f"adam[{i}, 3] > max(adam[{i}, 1], adam[{i}, 2])" for i in (2, 3, 4, 6)),
                *(f"adam[{i}, 1] > max(adam[{i}, 2], adam[{i}, 3])" for i in (1, 5)),
            ),
            claims(
                "its mean over the rows rises with the batch size, yet only 7 of the 12 single doublings raise it",
                "sum(adam[i, 1] for i in range(1, 7)) < sum(adam[i, 2] for i in range(1, 7))",
                "sum(adam[i, 2] for i in range(1, 7)) < sum(adam[i, 3] for i in range(1, 7))",
                count("100*(adam[i, j + 1] - adam[i, j])", 6, 2) + " == 7",
            ),
            claims(
                "AdamNorm's best batch size: 64 in three rows, 128 in two, 32 in one",
                *(f"norm[{i}, 2] > max(norm[{i}, 1], norm[{i}, 3])" for i in (1, 2, 5)),
                *(f"norm[{i}, 3] > max(norm[{i}, 1], norm[{i}, 2])" for i in (3, 6)),
                "norm[4, 1] > max(norm[4, 2], norm[4, 3])",
            ),
        ),
        instance,
        {"rows in which 128 is Adam's best": [4, 6], "doublings that raise Adam": [7, 12]},
    )


def robust() -> Finding:
    instance = printed(adam=ADAM, norm=NORM)
    plain, corrected = spread(ADAM), spread(NORM)
    return Finding(
        (
            as_printed(instance, "hypothesis"),
            exactly("the spread of Adam, row by row", width("adam", "i"), plain, "hypothesis"),
            exactly("the spread of AdamNorm, row by row", width("norm", "i"), corrected, "hypothesis"),
            claims(
                "AdamNorm's is larger in four rows of six (1, 2, 3, 5), and in the mean: 4.75/6 against 4.26/6",
                *(f"{width('norm', i)} > {width('adam', i)}" for i in "1235"),
                f"sum({width('norm', 'i')} for i in range(1, 7)) == 4.75",
                f"sum({width('adam', 'i')} for i in range(1, 7)) == 4.26",
                role="violation",
            ),
        ),
        instance,
        {
            "spread over batch sizes in points, Adam": by_row(plain),
            "spread over batch sizes in points, AdamNorm": by_row(corrected),
            "rows in which AdamNorm's is smaller": [
                row for row, a, b in zip(ROWS, plain, corrected, strict=True) if b < a
            ],
        },
    )


def negligible() -> Finding:
    instance = printed(norm=NORM)
    return Finding(
        (
            as_printed(instance, "hypothesis"),
            claims(
                "VGG16 on TinyImageNet: 42.83 at batch size 32, 44.67 at 64: 184 images of 10,000, more than two "
                "standard errors of a difference of independent accuracies (squared, in images)",
                "100*(norm[5, 2] - norm[5, 1]) == 184",
                "10000*184**2 > 4*(4283*(10000 - 4283) + 4467*(10000 - 4467))",
                role="violation",
            ),
        ),
        instance,
        {"spread over batch sizes in points, AdamNorm": by_row(spread(NORM))},
    )


ENTRIES = (
    Entry(
        "tab5.always",
        "section 6.4, about Table 5",
        "In each of the 18 pairs of Table 5 AdamNorm is better than Adam with the same batch size.",
        "proved",
        at_each_size,
        "All 18 printed differences are positive, from 0.06 to 3.30 points. Ten exceed two standard errors of a "
        "difference of independent accuracies; of the six on CIFAR10 none exceeds one.",
    ),
    Entry(
        "tab5.adam",
        "section 6.4, about Table 5",
        "Adam's best batch size of the three is the largest, 128, in more than half of the six rows of Table 5.",
        "proved",
        adam_and_large_batches,
        "In four of six. With VGG16 on CIFAR10 and on TinyImageNet it is the smallest; 7 of 12 doublings of the batch "
        "raise the accuracy.",
    ),
    Entry(
        "tab5.robust",
        "section 6.4, about Table 5",
        "In each row of Table 5 the spread (largest less smallest accuracy over the three batch sizes) of AdamNorm is "
        "smaller than that of Adam; or it is in most rows, or in the mean.",
        "refuted",
        robust,
        "In each of the three readings: it is larger in four rows of six, and larger in the mean (0.79 against 0.71 "
        "points). With VGG16 on TinyImageNet it is 1.84 where Adam's is 0.34. Only ResNet18 on CIFAR100 and on "
        "TinyImageNet is smaller. The printed table says the contrary of the sentence drawn from it.",
        uses=("tab5.negligible",),
    ),
    Entry(
        "tab5.negligible",
        "section 7, about Table 5",
        "With AdamNorm no two batch sizes of a row of Table 5 differ by more than two standard errors of a difference.",
        "refuted",
        negligible,
        "VGG16 on TinyImageNet gains 1.84 points from batch size 32 to 64, by which the effect is neither negligible "
        "nor within the noise of a test set; four of the six spreads are above half a point.",
    ),
)
