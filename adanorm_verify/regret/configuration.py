"""A sweep as a TOML file: tables by kind, whose lists are crossed. The presets are such files.

    seed = 0

    [[regret]]
    problem = ["signs", "reddi"]
    optimizer = ["sgd", "adamnorm", { name = "amsgrad", lr = 0.01 }]
    runs = 32
    first = 64
    last = 65536

`adanorm-verify regret presets NAME` prints one to start from.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

from .cells import KINDS, Cell

AXES = {
    "calibration": ("name",),
    "regret": ("problem", "optimizer", "steps"),
    "phase": ("optimizer", "gamma"),
    "hunt": ("optimizer", "control", "class"),
    "logistic": ("optimizer", "rate", "batch", "features"),
    "landscape": ("scenario",),
    "norms": ("seed",),
}
"""Keys whose value may be a list: one cell for every combination."""
WITHOUT_CHANCE = ("landscape",)
"""Kinds that take no seed."""


def presets() -> list[str]:
    """The names of the presets."""
    folder = files(__package__).joinpath("presets")
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def preset(name: str) -> str:
    """The text of a preset.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in presets():
        raise ValueError(f"unknown preset {name!r}; the presets are {', '.join(presets())}")
    return files(__package__).joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")


def cells(text: str, where: str) -> list[Cell]:
    """The cells of a configuration, each checked before anything runs.

    Args:
        text: TOML.
        where: what to call it in an error.

    Raises:
        ValueError: what is wrong: the place, the key, the value, and what is allowed.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where}: {error}") from None
    seed = tables.pop("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"{where}: seed = {seed!r}; it is a whole number >= 0")
    found: list[Cell] = []
    for kind, groups in tables.items():
        if kind not in KINDS:
            raise ValueError(f"{where}: unknown key {kind!r}; the keys are seed, {', '.join(KINDS)}")
        for number, group in enumerate(groups if isinstance(groups, list) else [groups], 1):
            place = f"{where}: [{kind}] {number}"
            if not isinstance(group, dict):
                raise ValueError(f"{place}: a table is wanted, got {group!r}")
            try:
                for settings in crossed(kind, group if kind in WITHOUT_CHANCE else {"seed": seed, **group}):
                    found.append(Cell(kind, settings))
                    found[-1].check()
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from None
    if not found:
        raise ValueError(f"{where}: nothing to run; the keys are seed, {', '.join(KINDS)}")
    return list({cell.key: cell for cell in found}.values())


def crossed(kind: str, group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The settings of a table, one for every combination of its lists; an optimizer may be a name alone."""
    if "kind" in group:
        raise ValueError(f"unknown key 'kind': the table's name says that it is {kind}")
    axes = [key for key in AXES[kind] if isinstance(group.get(key), list)]
    if empty := [key for key in axes if not group[key]]:
        raise ValueError(f"{empty[0]} is an empty list")
    for values in product(*(group[key] for key in axes)):
        settings = {**group, **dict(zip(axes, values, strict=True))}
        for key in ("optimizer", "control"):
            if isinstance(settings.get(key), str):
                settings[key] = {"name": settings[key]}
        yield settings


def read(preset_name: str | None, file: Path | None) -> tuple[str, list[Cell]]:
    """The text of a configuration and its cells: a file's, or a preset's."""
    if file is not None:
        text = file.read_text(encoding="utf-8")
        return text, cells(text, str(file))
    text = preset(preset_name or "quick")
    return text, cells(text, f"preset {preset_name or 'quick'}")
