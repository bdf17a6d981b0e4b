"""The ledger: every statement of the paper with a verdict and a certificate, in the order of the paper."""

from importlib import import_module

MODULES = (
    "section2_method",
    "section31_intuition",
    "section32_remarks",
    "lemma1_hypotheses",
    "lemma1",
    "lemma1_terms",
    "lemma1_sums",
    "lemma1_verdict",
    "theorem2",
    "tables",
    "scales",
    "counterexample",
    "noise",
    "repaired_steps",
    "repaired_lemma",
    "repaired_variants",
    "repaired_adaptive",
    "repaired_sharp",
    "repaired_growth",
    "pathwise",
    "conditions",
    "guarded",
)
"""A file a lemma, a theorem or a group of statements."""

ENTRIES = tuple(entry for name in MODULES for entry in import_module(f"theory.{name}").ENTRIES)
