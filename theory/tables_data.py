"""The figures of Tables 1 to 5 as printed: accuracies in percent on 10,000 test images, means of three runs."""


def table(text: str) -> tuple[tuple[str, ...], ...]:
    """Rows of figures, as texts, so that no digit is lost or gained."""
    return tuple(tuple(line.split()) for line in text.strip().splitlines())


DATASETS = ("CIFAR10", "CIFAR100", "TinyImageNet")
MODELS = ("VGG16", "ResNet18", "ResNet50")
BASES = ("Adam", "diffGrad", "Radam", "AdaBelief")

# Rows of Table 1, columns of Tables 2 and 3: the three models on CIFAR10, then on CIFAR100, then on TinyImageNet.
TABLE1_PLAIN = table("""
    92.55 92.76 92.94 92.71
    93.54 93.49 93.82 93.63
    93.83 93.81 94.14 94.1
    67.29 68.19 70.69 68.92
    71.09 73.5  73.22 72.72
    71.88 75.06 74.95 75.53
    41.93 42.91 43.84 44.23
    47.73 49.34 48.73 49.25
    48.98 51.32 51.63 53.57
""")
TABLE1_CORRECTED = table("""
    92.83 92.87 93.14 92.81
    93.78 93.98 93.89 93.66
    94.01 94.23 94.21 94.16
    69.15 68.31 70.77 69.24
    73.11 73.64 73.34 73.31
    75.53 75.49 75.39 75.49
    44.67 43.49 45.02 44.79
    49.57 49.80 50.50 49.99
    54.44 53.75 52.87 54.44
""")
TABLE1_PERCENT = table("""
     0.30 0.12 0.22  0.11
     0.26 0.52 0.07  0.03
     0.19 0.45 0.07  0.06
     2.76 0.18 0.11  0.46
     2.84 0.19 0.16  0.81
     5.08 0.57 0.59 -0.05
     6.53 1.35 2.69  1.27
     3.86 0.93 3.63  1.50
    11.15 4.73 2.40  1.62
""")
"""An arrow upwards is positive, one downwards negative."""

GAMMAS = ("0.9", "0.95", "0.99", "0.999")
TABLE2 = table("""
    92.56 93.72 93.95 68.85 73.06 75.53 44.85 50.47 54.72
    92.83 93.78 94.01 69.15 73.11 75.53 44.67 49.57 54.44
    92.88 93.55 94.11 69.33 73.13 75.43 45.08 49.41 54.54
    92.66 93.68 93.54 69.18 73.16 75.48 44.71 50.45 54.14
""")

SETTINGS = ("1st Moment", "2nd Moment", "Both Moments")
TABLE3 = table("""
    92.83 93.78 94.01 69.15 73.11 75.53 44.67 49.57 54.44
    92.74 93.67 93.36 68.86 72.65 74.30 43.43 49.17 54.01
    92.69 93.61 93.10 69.08 72.95 74.54 43.77 49.19 53.73
""")

# Rows of Tables 4 and 5: VGG16 and ResNet18 on CIFAR10, then on CIFAR100, then on TinyImageNet.
ROWS45 = tuple(f"{model}, {dataset}" for dataset in DATASETS for model in MODELS[:2])
ALPHAS = ("0.01", "0.001", "0.0001")
TABLE4_ADAM = table("""
    92.21 92.55 92.02
    92.90 93.54 93.07
    65.93 67.29 68.57
    66.84 71.09 72.95
    36.78 41.93 44.55
    45.50 47.73 48.87
""")
TABLE4_ADAMNORM = table("""
    92.30 92.83 92.27
    93.18 93.78 93.13
    66.19 69.15 68.75
    68.42 73.11 73.14
    41.41 44.67 46.65
    46.94 49.57 51.08
""")

BATCH_SIZES = ("32", "64", "128")
TABLE5_ADAM = table("""
    92.56 92.55 92.33
    93.45 93.54 93.60
    67.58 67.29 67.80
    70.13 71.09 71.62
    42.11 41.93 41.77
    46.77 47.73 48.31
""")
TABLE5_ADAMNORM = table("""
    92.80 92.83 92.57
    93.51 93.78 93.69
    68.81 69.15 69.45
    73.43 73.11 72.90
    42.83 44.67 43.25
    49.38 49.57 50.59
""")


def column(j: int) -> str:
    """The name of a column of Tables 2 and 3, counted from 0."""
    return f"{MODELS[j % 3]}, {DATASETS[j // 3]}"
