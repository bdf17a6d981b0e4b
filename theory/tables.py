"""Table 1, the sentences about it, and what the tables have in common; from the printed figures alone."""

from fractions import Fraction
from itertools import product
from math import prod

from adanorm_verify.ledger import Entry, Finding, claims

from . import tables_data as printed_tables
from .tables_claims import as_printed, count, decimal, everywhere, printed

BEFORE, AFTER, PERCENT = (
    printed_tables.TABLE1_PLAIN,
    printed_tables.TABLE1_CORRECTED,
    printed_tables.TABLE1_PERCENT,
)
CELLS = tuple(product(range(9), range(4)))


def cell(i: int, j: int) -> str:
    """The name of a cell of Table 1."""
    return f"{printed_tables.BASES[j]}, {printed_tables.MODELS[i % 3]}, {printed_tables.DATASETS[i // 3]}"


def gain(i: int, j: int) -> Fraction:
    return Fraction(AFTER[i][j]) - Fraction(BEFORE[i][j])


def chance_of_unrounded_means() -> float:
    """Probability that all printed percentages agree with the rounded accuracies if made from unrounded means.

    A mean of three runs on 10,000 images is a whole number of hundredths of a percent plus 0, 1/3 or -1/3 of one;
    the three cases are taken as equally likely and independent.
    """

    def agrees(i: int, j: int) -> float:
        thirds = [Fraction(k, 300) for k in (-1, 0, 1)]
        cases = [(Fraction(BEFORE[i][j]) + x, Fraction(AFTER[i][j]) + y) for x, y in product(thirds, thirds)]
        close = [abs(100 * (b - a) / a - Fraction(PERCENT[i][j])) <= Fraction(1, 200) for a, b in cases]
        return sum(close) / len(close)

    return prod(agrees(i, j) for i, j in CELLS)


def percentages() -> Finding:
    instance = printed(before=BEFORE, after=AFTER, percent=PERCENT)
    points = [(i, j) for i, j in CELLS if gain(i, j) == Fraction(PERCENT[i][j])]
    return Finding(
        (
            as_printed(instance),
            claims(
                "each percentage is 100 (after - before)/before rounded to two decimals, a claim an optimizer",
                *everywhere("abs(100*(after[i, j] - before[i, j])/before[i, j] - percent[i, j]) < 1/200", 9, 4),
            ),
            claims(
                "they are neither differences in points nor relative to the corrected accuracy: the largest is 11.15, "
                "where the points are 5.46 and the change relative to the corrected accuracy is 10.03",
                "after[9, 1] - before[9, 1] == 5.46",
                "abs(100*(after[9, 1] - before[9, 1])/after[9, 1] - 10.03) < 1/200",
                "percent[9, 1] == 11.15",
            ),
        ),
        instance,
        {
            "percentages": 36,
            "exceptions": [],
            "equal to the difference in points as well": [cell(i, j) for i, j in points],
            "probability of 36 agreements had they been computed from unrounded means of three runs": float(
                f"{chance_of_unrounded_means():.2g}"
            ),
        },
    )


def improved() -> Finding:
    instance = printed(before=BEFORE, after=AFTER)
    down = [(i, j) for i, j in CELLS if gain(i, j) <= 0]
    (i, j), *others = down
    assert not others
    return Finding(
        (
            as_printed(instance),
            claims(
                "of the 36 differences 35 are positive",
                count("100*(after[i, j] - before[i, j])", 9, 4) + " == 35",
            ),
            claims(
                f"the one that is not: {cell(i, j)}",
                f"after[{i + 1}, {j + 1}] - before[{i + 1}, {j + 1}] == {decimal(gain(i, j))}",
            ),
        ),
        instance,
        {"improved": 35, "of": 36, "exceptions": [cell(i, j)]},
    )


SQUARE = "10000*(100*(after[i, j] - before[i, j]))**2"
ONE = "100*before[i, j]*(10000 - 100*before[i, j])"
BOTH = f"({ONE} + 100*after[i, j]*(10000 - 100*after[i, j]))"


def within_noise() -> Finding:
    instance = printed(before=BEFORE, after=AFTER)

    def images(i: int, j: int) -> tuple[Fraction, Fraction, Fraction]:
        a, b = 100 * Fraction(BEFORE[i][j]), 100 * Fraction(AFTER[i][j])
        return (b - a) ** 2 * 10000, a * (10000 - a), a * (10000 - a) + b * (10000 - b)

    def exceeding(which: int, factor: Fraction) -> list[tuple[int, int]]:
        return [(i, j) for i, j in CELLS if images(i, j)[0] > factor * images(i, j)[which]]

    within = [at for at in CELLS if at not in exceeding(1, Fraction(1))]
    yardsticks = {
        "one standard error of an accuracy": (1, Fraction(1), ONE),
        "two standard errors of an accuracy": (1, Fraction(4), f"4*{ONE}"),
        "one standard error of a difference of two independent accuracies": (2, Fraction(1), BOTH),
        "two standard errors of such a difference": (2, Fraction(4), f"4*{BOTH}"),
        "one of a difference of means of three, had each run a test set of its own": (2, Fraction(1, 3), f"{BOTH}/3"),
        "two of such a difference of means": (2, Fraction(4, 3), f"4*{BOTH}/3"),
    }
    counts = {name: len(exceeding(which, factor)) for name, (which, factor, _) in yardsticks.items()}
    return Finding(
        (
            as_printed(instance, "hypothesis"),
            claims(
                "the smallest rise in the table, 93.63 to 93.66 (AdaBelief, ResNet18, CIFAR10): 3 images of 10,000, "
                "where one binomial standard error of 93.63 % is more than 24 images",
                "100*(after[2, 4] - before[2, 4]) == 3",
                "sqrt(100*before[2, 4]*(10000 - 100*before[2, 4])/10000) > 24",
                role="violation",
            ),
            claims(
                "the 17 differences that do not exceed one standard error, squared on both sides, in images",
                *(
                    f"10000*(100*(after[{i}, {j}] - before[{i}, {j}]))**2 "
                    f"<= 100*before[{i}, {j}]*(10000 - 100*before[{i}, {j}])"
                    for i, j in ((i + 1, j + 1) for i, j in within)
                ),
                role="violation",
            ),
            claims(
                "how many of the 36 exceed each yardstick, in the order of the figures (sides squared, times 3 where "
                "three runs are averaged, so that all numbers are whole)",
                *(
                    f"{count(f'3*({SQUARE} - {right})', 9, 4)} == {counts[name]}"
                    for name, (_, _, right) in yardsticks.items()
                ),
                role="violation",
            ),
        ),
        instance,
        {
            "of 36 differences exceed": counts,
            "within one standard error of an accuracy": [cell(i, j) for i, j in within],
            "on CIFAR10 exceed two standard errors of a difference": sum(i < 3 for i, _ in exceeding(2, Fraction(4))),
            "probability of 35 or more rises of 36 by fair and independent coins": float(f"{37 / 2**36:.2g}"),
        },
    )


def shared() -> Finding:
    data = printed_tables
    instance = printed(
        before=BEFORE,
        after=AFTER,
        gammas=data.TABLE2,
        moments=data.TABLE3,
        adam4=data.TABLE4_ADAM,
        norm4=data.TABLE4_ADAMNORM,
        adam5=data.TABLE5_ADAM,
        norm5=data.TABLE5_ADAMNORM,
        at=(("1", "2", "4", "5", "7", "8"),),  # the rows of VGG16 and ResNet18 in Table 1
    )
    return Finding(
        (
            as_printed(instance),
            claims(
                "Table 2 at gamma = 0.95, Table 3 with the first moment: the AdamNorm column of Table 1, 18 entries",
                "all(gammas[2, i] == after[i, 1] for i in range(1, 10))",
                "all(moments[1, i] == after[i, 1] for i in range(1, 10))",
            ),
            claims(
                "Table 4 at alpha = 0.001, Table 5 at batch size 64: Adam and AdamNorm of Table 1, 24 entries",
                "all(adam4[i, 2] == before[at[1, i], 1] for i in range(1, 7))",
                "all(norm4[i, 2] == after[at[1, i], 1] for i in range(1, 7))",
                "all(adam5[i, 2] == before[at[1, i], 1] for i in range(1, 7))",
                "all(norm5[i, 2] == after[at[1, i], 1] for i in range(1, 7))",
            ),
        ),
        instance,
        {"pairs compared": 42, "exceptions": []},
    )


ENTRIES = (
    Entry(
        "tab1.pct",
        "Table 1",
        "Each of the 36 percentages is the relative change 100 (b - a)/a of the two printed accuracies a (without) and "
        "b (with the correction), rounded to two decimals; no exception.",
        "proved",
        percentages,
        "The arrows of Table 1 are relative changes, not percentage points: 48.98 to 54.44 is 5.46 points and is "
        "printed as 11.15. All 36 follow from the printed accuracies to the last digit, which tells that they were "
        "computed from the rounded accuracies (from unrounded means of three runs some would differ); nothing is wrong "
        "with them but that a reader may take them for points.",
    ),
    Entry(
        "tab1.up",
        "section 5.1, about Table 1",
        "Of the 36 pairs of accuracies in Table 1, all but one rise with the correction.",
        "proved",
        improved,
        "35 of 36 printed differences are positive; AdaBelief with ResNet50 on CIFAR100 falls from 75.53 to 75.49. "
        "This counts signs only: how many of the rises are larger than the noise of a test set is tab1.noise.",
        uses=("tab1.noise",),
    ),
    Entry(
        "tab1.noise",
        "Table 1",
        "Each of the 36 differences of Table 1 is larger than one binomial standard error sqrt(p (1-p)/10000) of the "
        "accuracy p without the correction.",
        "refuted",
        within_noise,
        "An accuracy on 10,000 images carries a standard error of 0.23 to 0.50 points from the choice of the images "
        "alone. 17 of the 36 differences are within one of them, and 28 within two standard errors of a difference "
        "of independent accuracies; on CIFAR10 none leaves that band. Averaging three runs divides the noise of "
        "training by the root of three, but not that of the test set, which all runs and both optimizers share: what "
        "is common to both cancels from a difference, by an amount that only paired predictions would tell, so the "
        "counts are given for several yardsticks. Every one of the eight that stand out at two standard errors is on "
        "CIFAR100 or TinyImageNet, six of them with Adam. Jointly, 35 rises of 36 are no accident of independent "
        "coins, though the cells are not independent: the claim that falls is that each difference says something.",
        repair="State a standard error with each accuracy, or a paired test on the per-image predictions.",
    ),
    Entry(
        "tab.shared",
        "Tables 1 to 5",
        "Every setting that appears in two tables (alpha = 0.001, gamma = 0.95, batch size 64, correction of the first "
        "moment) has the same accuracy in both: 42 pairs.",
        "proved",
        shared,
        "All 42 repeated entries agree to the last digit: the tables share their baseline runs. The comparisons in "
        "Tables 2 to 5 are therefore not independent of Table 1, and a lucky or unlucky baseline recurs in all of "
        "them.",
    ),
)
