"""`adanorm-verify list`: what there is."""

from __future__ import annotations

import click


@click.group(name="list")
def listing() -> None:
    """What there is: algorithms, decisions, deviations, checks."""


@listing.command(name="algorithms")
def list_algorithms() -> None:
    """The algorithms as lists of named equations: the eight of the paper, and AMSGrad with and without."""
    from ..paper import ALGORITHMS, algorithm

    for name in ALGORITHMS:
        paper = algorithm(name)
        click.echo(f"{name}: {paper.title} ({paper.source})")
        width = max(len(n) for n in paper.names)
        for equation in paper.equations:
            number = f"  ({equation.number})" if equation.number else ""
            click.echo(f"  {equation.name:<{width}}  {equation.text}{number}")


@listing.command(name="decisions")
def list_decisions() -> None:
    """What the paper leaves open, the default answer and its reason."""
    from ..paper import DECISIONS

    for decision in DECISIONS:
        click.echo(f"{decision.key}: {decision.question}")
        click.echo(f"  default {decision.default}: {decision.reason}")
        for name, option in decision.options.items():
            click.echo(f"  {decision.key}={name}: {option.meaning}")


@listing.command(name="deviations")
def list_deviations() -> None:
    """How implementations leave the paper, and which algorithms each concerns."""
    from ..deviations import CATALOGUE, NAMES
    from ..paper import ALGORITHMS, algorithm

    papers = [algorithm(name) for name in ALGORITHMS]
    for name in NAMES:
        of_name = [deviation for deviation in CATALOGUE if deviation.name == name]
        concerned = [a.name for a in papers if any(deviation.concerns(a) for deviation in of_name)]
        click.echo(f"{name} ({of_name[0].kind}; {of_name[0].equation}): {of_name[0].meaning}")
        click.echo(f"  concerns {', '.join(concerned) if len(concerned) < len(papers) else 'all'}")


@listing.command(name="checks")
def list_checks() -> None:
    """What `check` looks at, what each check catches, and how to switch it off."""
    from ..checks import CHECKS

    for group in dict.fromkeys(page.group for page in CHECKS):
        click.echo(f"{group}")
        for page in (page for page in CHECKS if page.group == group):
            click.echo(f"  {page.name}: {page.catches}")
            click.echo(f"    for example: {page.sample}")
            if page.why:
                click.echo(f"    it stays because {page.why}")
            if page.function is not None:
                click.echo(f"    {page.switch} where it is expected to fail; runs in {', '.join(page.profiles)}")
