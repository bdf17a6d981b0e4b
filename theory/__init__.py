"""The ledger: every statement of the paper with a verdict and a certificate, in the order of the paper."""

from importlib import import_module

MODULES = (
    "section2_method",
    "section31_intuition",
    "section32_remarks",
    "lemma1",
    "theorem2",
    "tables",
    "tables_gamma",
    "tables_moments",
    "tables_rates",
    "tables_batches",
    "scales",
    "counterexample",
    "noise",
    "noise_symmetric",
    "noise_models",
    "noise_batches",
    "noise_simulation",
    "repaired_lemma",
    "pathwise",
    "conditions",
    "guarded",
)
"""A file a lemma, a theorem or a group of statements."""

ENTRIES = tuple(entry for name in MODULES for entry in import_module(f"theory.{name}").ENTRIES)
