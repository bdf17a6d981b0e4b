"""Which releases there are, and each in a folder of its own."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ..errors import CannotCheck
from .subjects import BY_NAME, Package

LISTED = re.compile(r"^Available versions:\s*(.+)$", re.MULTILINE)


def chosen(options: Sequence[str]) -> list[tuple[Package, list[str]]]:
    """Packages and the releases asked for, oldest first; an empty list means that pip is to be asked.

    Args:
        options: `NAME` or `NAME==V,V…`; all packages when empty.

    Raises:
        ValueError: an unknown package, or a release that is no version.
    """
    wanted: dict[str, set[Version]] = {}
    for option in options or list(BY_NAME):
        name, _, versions = option.partition("==")
        if name not in BY_NAME:
            raise ValueError(f"--releases {option}: unknown package {name!r}; it is one of {', '.join(BY_NAME)}")
        try:
            given = {Version(text.strip()) for text in versions.split(",")} if versions else set()
        except InvalidVersion as error:
            raise ValueError(f"--releases {option}: {error}") from error
        wanted.setdefault(name, set()).update(given)
    return [(BY_NAME[name], [str(version) for version in sorted(given)]) for name, given in wanted.items()]


def released(package: Package) -> list[str]:
    """The releases that are to be looked at, oldest first.

    Raises:
        CannotCheck: pip does not say.
    """
    if package.installed:
        return [importlib.metadata.version(package.name)]
    done = pip("index", "versions", package.name)
    versions = parsed(done.stdout)
    if done.returncode or not versions:
        said = last_line(done.stderr) or "no version in what it printed"
        raise CannotCheck(
            f"pip lists no releases of {package.name} ({said}); give them: --releases {package.name}==V,V"
        )
    wanted = [v for v in versions if v in SpecifierSet(package.releases) and not v.is_prerelease]
    if not wanted:
        raise CannotCheck(f"{package.name}: none of its {len(versions)} releases is {package.releases}")
    return [str(version) for version in wanted]


def parsed(listing: str) -> list[Version]:
    """The versions in what `pip index versions` prints, oldest first; what is no version is passed over."""
    found = LISTED.search(listing)
    versions = []
    for text in found[1].split(",") if found else []:
        try:
            versions.append(Version(text.strip()))
        except InvalidVersion:
            continue  # registries hold a few from before versions had a grammar
    return sorted(versions)


def install(package: Package, release: str, cache: Path) -> Path | None:
    """The folder of one release and of what it needs beside torch; None for what is installed already.

    Raises:
        CannotCheck: pip could not install it.
    """
    if package.installed:
        return None
    folder = cache / f"{package.name}-{release}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".") as temporary:
        target = Path(temporary) / "site"
        put(f"{package.name}=={release}", target)
        while missing := needed(target):
            for requirement in missing:
                put(requirement, target)
        try:
            os.rename(target, folder)
        except OSError:
            if not folder.is_dir():  # another process was not first: it is something else
                raise
    return folder


def put(requirement: str, target: Path) -> None:
    done = pip("install", "--quiet", "--no-deps", "--target", str(target), requirement)
    if done.returncode:
        raise CannotCheck(f"pip could not install {requirement}: {last_line(done.stderr)}")


def needed(folder: Path) -> list[str]:
    """What the packages in a folder need, by their own metadata, and neither it nor this environment has."""
    distributions = list(importlib.metadata.distributions(path=[str(folder)]))
    there = {canonicalize_name(distribution.metadata["Name"]) for distribution in distributions}
    found = {}
    for distribution in distributions:
        for text in distribution.requires or []:
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            asked = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if asked and name not in there and not installed(name):
                found[name] = f"{requirement.name}{requirement.specifier}"
    return list(found.values())


def installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
