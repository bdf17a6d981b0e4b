"""One release, in a process of its own: reads a job, checks each target on each path, writes one JSON document."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from ..conformance import check_optimizer
from ..errors import CannotCheck
from ..files import write_atomically
from ..hosting.lending import Lent, lent
from ..hosting.source import Source
from ..interface import SubjectInterface
from ..paper import algorithm as paper_algorithm
from ..reports.legacy_script import carrying_shim
from ..reports.reproduction import reproduction
from ..verdict import OPTIONAL_PATHS, Verdict
from .subjects import NEUTRAL

FLAGS = ("foreach", "fused", "capturable")


class NotThere(Exception):
    """The release has no such target: no class of that name, or no such argument."""


def records(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One record a target and path; `engine.Job.document` says what a job holds."""
    return [
        {"optimizer": target["label"], "class": target["class"], "algorithm": target["algorithm"], **record}
        for target in job["targets"]
        for record in records_of(job, target)
    ]


def records_of(job: Mapping[str, Any], target: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The records of one target, or one that says why there are none."""
    place = job["place"]
    with lent(Source(f"{place}:{target['class']}", legacy=job["legacy"])) as lender:
        try:
            names = lender.names_in(place)
        except CannotCheck as error:
            return [{"path": "", "outcome": "not-importable", "reason": str(error)}]
        try:
            subject = asked(lender, names, target)
        except NotThere as error:
            return [{"path": "", "outcome": "not-there", "reason": str(error)}]
        except CannotCheck as error:
            return [{"path": "", "outcome": "not-checked", "reason": str(error)}]
    return list(checked(job, subject, target))


def asked(lender: Lent, names: Sequence[str], target: Mapping[str, Any]) -> SubjectInterface:
    """The subject with the arguments that its constructor takes.

    Raises:
        NotThere: no such class, or the switch that makes it the algorithm is no argument of its.
        CannotCheck: its constructor cannot be asked.
    """
    if target["class"] not in names:
        raise NotThere(f"no class {target['class']}")
    plain = lender.subject({}, ())
    for argument in target["switch"]:
        if argument not in plain.parameters and not plain.takes_anything:
            raise NotThere(f"takes no argument {argument}")
    # Where it is the default anyway, it is left to the checks, which may ask what else it does.
    known = {key: value for key, value in NEUTRAL.items() if key in plain.parameters}
    neutral = {key: value for key, value in known.items() if plain.parameters[key].default != value}
    arguments = {**neutral, **target["switch"]}
    paper = paper_algorithm(target["algorithm"])
    return replace(lender, source=replace(lender.source, arguments=arguments)).subject(
        gamma_of(plain, target), paper.hyperparameters
    )


def gamma_of(subject: SubjectInterface, target: Mapping[str, Any]) -> dict[str, str]:
    """The constructor's name for gamma: one that it has, or the likeliest where it takes any."""
    named = [name for name in target["gamma"] if name in subject.parameters]
    likeliest = target["gamma"] if subject.takes_anything else []
    usable = named or likeliest
    return {"gamma": usable[0]} if usable else {}


def checked(job: Mapping[str, Any], subject: SubjectInterface, target: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A record for every path that the subject must run on the CPU."""
    for path in subject.paths:
        if path in OPTIONAL_PATHS:
            continue
        arguments = {**subject.arguments, **pinned(subject, path)}
        start = time.perf_counter()
        verdict = check_optimizer(
            subject.target,
            target["algorithm"],
            arguments=arguments,
            rename=subject.rename,
            profile=job["profile"],
            seed=job["seed"],
            legacy=job["legacy"],
        )
        yield {
            "path": path,
            "arguments": arguments,
            "rename": dict(subject.rename),
            "outcome": verdict.outcome,
            "reason": verdict.reason,
            "seconds": round(time.perf_counter() - start, 1),
            "verdict": json.loads(verdict.to_json()),
            "script": script(job, verdict, subject, arguments, path),
        }


def pinned(subject: SubjectInterface, path: str) -> dict[str, bool]:
    """The arguments that leave one path alone."""
    if path not in subject.paths or not subject.paths[path]:
        return {}
    return {flag: subject.paths[path].get(flag, False) for flag in FLAGS if flag in subject.parameters}


def script(
    job: Mapping[str, Any],
    verdict: Verdict,
    subject: SubjectInterface,
    arguments: Mapping[str, Any],
    path: str,
) -> dict[str, str] | None:
    """Name and text of the standalone script of a difference."""
    if verdict.first_divergence is None:
        return None
    switched = [key for key in arguments if key not in (*NEUTRAL, *FLAGS)]
    parts = [job["name"], subject.target.rpartition(":")[2], *switched, "" if path == "default" else path]
    name = "-".join(filter(None, parts)) + ".py"
    text = reproduction(verdict, subject.target, arguments, subject.rename, "cpu", name)
    return {"name": name, "text": attached(job, carrying_shim(text) if job["legacy"] else text)}


def attached(job: Mapping[str, Any], text: str) -> str:
    """A script as one attaches it to a report: it says what it needs, and names no folder of this machine."""
    release = f"{job['package']} {job['release']}".strip()
    if job["place"].endswith(".py"):
        here = os.getcwd()
        return f"# Run it in the folder of {release}.\n" + text.replace(f"'{here}/", "'").replace(f"'{here}'", "'.'")
    return f"# pip install {job['package']}=={job['release']} torch numpy\n{text}" if job["requirement"] else text


def main(result: str) -> None:
    """Read a job from standard input, write what was found to `result`."""
    torch.set_num_threads(1)
    job = json.load(sys.stdin)
    write_atomically(result, json.dumps({**job, "records": records(job)}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
