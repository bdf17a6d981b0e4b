"""The checks: plain functions, each with a page that says what it catches."""

from .pages import CHECKS

__all__ = ["CHECKS"]
