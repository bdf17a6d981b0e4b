"""Renderings of a verdict. None of them decides anything."""
