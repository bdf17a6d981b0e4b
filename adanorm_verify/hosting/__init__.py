"""Somebody's optimizer in a supervised process of its own: it is run there, and judged here."""
