"""Table 4 and the sentences about it: learning rates."""

from fractions import Fraction

from adanorm_verify.ledger import Entry, Finding, claims

from . import tables_data as printed_tables
from .tables_claims import Rows, as_printed, decimal, exactly, largest, printed
from .tables_pairs import always, by_row

ADAM, NORM = printed_tables.TABLE4_ADAM, printed_tables.TABLE4_ADAMNORM


def best(rows: Rows) -> list[Fraction]:
    return [max(Fraction(x) for x in row) for row in rows]


def lead_against_noise(i: str, relation: str) -> str:
    """The lead in a row against two standard errors of a difference, both squared, in images of 10,000."""
    images = [f"(100*{largest(name, i)})" for name in ("adam", "norm")]
    noise = " + ".join(f"{x}*(10000 - {x})" for x in images)
    return f"10000*({images[1]} - {images[0]})**2 {relation} 4*({noise})"


def at_each_rate() -> Finding:
    return always(ADAM, NORM, "learning rate")


def tuned() -> Finding:
    instance = printed(adam=ADAM, norm=NORM)
    gains = [b - a for a, b in zip(best(ADAM), best(NORM), strict=True)]
    default = [Fraction(b[1]) - Fraction(a[1]) for a, b in zip(ADAM, NORM, strict=True)]
    return Finding(
        (
            as_printed(instance),
            claims(
                "the best of three learning rates for each: AdamNorm is ahead in all six rows",
                f"all({largest('norm', 'i')} > {largest('adam', 'i')} for i in range(1, 7))",
            ),
            exactly("by how much, row by row", f"{largest('norm', 'i')} - {largest('adam', 'i')}", gains),
            exactly("at the learning rate 0.001 of the other tables", "norm[i, 2] - adam[i, 2]", default),
            claims(
                "which of the leads at the best rates exceed two standard errors of a difference of independent "
                "accuracies (squared, in images): those on TinyImageNet only, rows 5 and 6",
                *(lead_against_noise(str(i), "<" if i < 5 else ">") for i in range(1, 7)),
            ),
            claims(
                "Adam's best learning rate is the smallest of the grid in four rows, so that it may not be tuned yet",
                "all(adam[i, 3] > max(adam[i, 1], adam[i, 2]) for i in range(3, 7))",
            ),
        ),
        instance,
        {
            "lead in points, each at its best learning rate": by_row(gains),
            "lead in points at 0.001": by_row(default),
            "mean lead": {
                "tuned": decimal(Fraction(round(100 * sum(gains) / 6), 100)),
                "at 0.001": decimal(Fraction(round(100 * sum(default) / 6), 100)),
            },
        },
    )


def untuned_share() -> Finding:
    instance = printed(adam=ADAM, norm=NORM)
    return Finding(
        (
            as_printed(instance, "hypothesis"),
            claims(
                "ResNet18 on CIFAR100: 2.02 points at 0.001, and 0.19 between the best learning rates",
                "norm[4, 2] - adam[4, 2] == 2.02",
                f"{largest('norm', '4')} - {largest('adam', '4')} == 0.19",
                role="violation",
            ),
            claims(
                "plain Adam gains 1.86 there, and 1.28 with VGG16, by the learning rate 0.0001 alone",
                "adam[4, 3] - adam[4, 2] == 1.86",
                "adam[3, 3] - adam[3, 2] == 1.28",
                role="violation",
            ),
        ),
        instance,
    )


def small_rates_on_tiny() -> Finding:
    instance = printed(adam=ADAM, norm=NORM)
    return Finding(
        (
            as_printed(instance),
            claims(
                "both models, both optimizers: the accuracy rises from 0.01 to 0.001 to 0.0001",
                "all(adam[i, 1] < adam[i, 2] < adam[i, 3] for i in range(5, 7))",
                "all(norm[i, 1] < norm[i, 2] < norm[i, 3] for i in range(5, 7))",
            ),
            claims(
                "so it does with plain Adam on CIFAR100",
                "all(adam[i, 1] < adam[i, 2] < adam[i, 3] for i in range(3, 5))",
            ),
        ),
        instance,
    )


def default_rate_on_cifar() -> Finding:
    instance = printed(norm=NORM)
    return Finding(
        (
            as_printed(instance),
            claims(
                "0.001 is the best of three in three rows of CIFAR, and 0.03 points behind 0.0001 in the fourth",
                "all(norm[i, 2] > max(norm[i, 1], norm[i, 3]) for i in range(1, 4))",
                "norm[4, 3] - norm[4, 2] == 0.03",
                "norm[4, 2] > norm[4, 1]",
            ),
            claims(
                "which is less than a tenth of a standard error of that accuracy, 44 images",
                "10*3 < sqrt(7311*(10000 - 7311)/10000)",
            ),
        ),
        instance,
    )


def best_rate_on_cifar() -> Finding:
    instance = printed(norm=NORM)
    return Finding(
        (
            as_printed(instance, "hypothesis"),
            claims(
                "ResNet18 on CIFAR100: 73.14 at 0.0001, 73.11 at 0.001", "norm[4, 3] > norm[4, 2]", role="violation"
            ),
        ),
        instance,
    )


ENTRIES = (
    Entry(
        "tab4.always",
        "section 6.3, about Table 4",
        "In each of the 18 pairs of Table 4 AdamNorm is better than Adam with the same learning rate.",
        "proved",
        at_each_rate,
        "All 18 printed differences are positive, from 0.06 to 4.63 points. Nine exceed two standard errors of a "
        "difference of independent accuracies, and the other nine do not exceed one.",
    ),
    Entry(
        "tab4.tuned",
        "section 6.3, Table 4",
        "With the best of the three learning rates for each optimizer, AdamNorm is better than Adam in all six rows of "
        "Table 4.",
        "proved",
        tuned,
        "It is, by 0.28, 0.24, 0.58, 0.19, 2.10 and 2.21 points, in the mean 0.93 where the fixed rate 0.001 shows "
        "1.50. On CIFAR100 most of the lead at 0.001 is the learning rate's, for plain Adam too is better at 0.0001 "
        "(tab4.tuned.kept). In four rows Adam's best rate is the smallest that was tried, so it is not known to be "
        "tuned; and only the two leads on TinyImageNet exceed two standard errors of a difference.",
        uses=("tab4.tuned.kept",),
    ),
    Entry(
        "tab4.tuned.kept",
        "section 6.3, Table 4; what tab4.always leaves open",
        "In each row of Table 4 the lead of AdamNorm at the learning rate 0.001 is at most its lead when each "
        "optimizer has the best of its three learning rates.",
        "refuted",
        untuned_share,
        "With ResNet18 on CIFAR100 the lead falls from 2.02 to 0.19 points, with VGG16 from 1.86 to 0.58. What Tables "
        "1 and 4 show at 0.001 is in part that 0.001 is too large a rate for Adam there.",
        repair="Compare optimizers at learning rates tuned for each, on a grid whose ends are not the best.",
    ),
    Entry(
        "tab4.tiny",
        "section 6.3, about Table 4",
        "On TinyImageNet the accuracy rises as the learning rate falls from 0.01 to 0.001 to 0.0001, with both models "
        "and both optimizers.",
        "proved",
        small_rates_on_tiny,
        "True in all four rows. It is not a mark of TinyImageNet: plain Adam does the same on CIFAR100. The other "
        "tables use 0.001 on TinyImageNet all the same.",
    ),
    Entry(
        "tab4.cifar",
        "section 6.3, about Table 4",
        "On CIFAR10 and CIFAR100, AdamNorm with learning rate 0.001 is within 0.03 points of the best of the three "
        "learning rates, in all four rows.",
        "proved",
        default_rate_on_cifar,
        "Reasonable, read as within a tenth of a standard error of the best: it is the best in three rows and 0.03 "
        "points behind in the fourth. It is not reasonable for plain Adam on CIFAR100, which loses 1.28 and 1.86 "
        "points by it.",
        uses=("tab4.cifar.best",),
    ),
    Entry(
        "tab4.cifar.best",
        "section 6.3, about Table 4; a stronger reading of tab4.cifar",
        "On CIFAR10 and CIFAR100, 0.001 is AdamNorm's best learning rate of the three, in all four rows.",
        "refuted",
        best_rate_on_cifar,
        "ResNet18 on CIFAR100 is better at 0.0001, by three images of 10,000.",
    ),
)
