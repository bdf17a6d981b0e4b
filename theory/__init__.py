"""The ledger: every statement of the paper with a verdict and a certificate, in the order of the paper."""

from importlib import import_module

MODULES = (
    "section2_method",
    "section2_promises",
    "section2_moments",
    "section2_structure",
    "section31_intuition",
    "section31_minimum",
    "section31_second_moment",
    "section32_remarks",
    "lemma1",
    "theorem2_update",
    "theorem2_young",
    "theorem2_sums",
    "theorem2_end",
    "theorem2",
    "corollary1",
    "tables",
    "scales",
    "constants",
    "counterexample_cycle",
    "counterexample_excursion",
    "counterexample_steps",
    "counterexample",
    "counterexample_variants",
    "counterexample_threshold",
    "counterexample_smallest",
    "counterexample_bases",
    "noise",
    "repaired_lemma",
    "pathwise",
    "conditions",
    "guarded",
)
"""A file a lemma, a theorem or a group of statements."""

ENTRIES = tuple(entry for name in MODULES for entry in import_module(f"theory.{name}").ENTRIES)
