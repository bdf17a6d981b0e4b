"""The documents: links lead somewhere, commands exist with their options, ids stand in the ledger, a page is a page."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from adanorm_verify.cli import main

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "theory/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
EACH = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
IDS = re.compile(r"`((?:thm|cor|lem|sec|tab|cex|noise|rep|path|cond|guard|scale)\d*(?:\.[a-z0-9-]+)+)`")


def commands(text: str) -> list[list[str]]:
    """The invocations of `adanorm-verify` in code blocks and between backticks, as words after it."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    inline = [
        one.replace("\n", " ") for one in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    ]
    found = [line.strip() for line in (*lines, *inline) if line.strip().startswith("adanorm-verify ")]
    return [shlex.split(line, comments=True)[1:] for line in found]


def unknown(words: list[str]) -> str:
    """What of an invocation the command line does not have; empty where it has all."""
    command: click.Command = main
    context = click.Context(main)
    while words and isinstance(command, click.Group):
        name = words[0]
        known = command.get_command(context, name)
        if known is None:
            return f"no command {name!r}"
        command, words = known, words[1:]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options |= {"--help", "-h"}
    given = [word.partition("=")[0] for word in words if word.startswith("-")]
    return ", ".join(f"no option {option}" for option in given if option not in options)


def test_the_front_door_is_one_page():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert len(text.encode()) <= 6 * 1024


@EACH
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (document.parent / target).exists(), target


@EACH
def test_commands_exist_with_their_options(document):
    for words in commands(document.read_text(encoding="utf-8")):
        assert unknown(words) == "", " ".join(words)


@EACH
def test_ids_stand_in_the_ledger(document):
    known = set((ROOT / "theory/ids.txt").read_text().split()) | {
        p.stem for p in (ROOT / "theory/certificates").glob("*")
    }
    for name in IDS.findall(document.read_text(encoding="utf-8")):
        assert name in known, name


def test_what_does_not_exist_is_found():
    assert commands("```\nadanorm-verify chek x --deep\n```\nand `adanorm-verify list\nchecks`") == [
        ["chek", "x", "--deep"],
        ["list", "checks"],
    ]
    assert unknown(["chek"]) == "no command 'chek'"
    assert unknown(["check", "x", "--deep", "--profile", "quick"]) == "no option --deep"
    assert unknown(["list", "checks"]) == ""


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-workflows", "docs/ci/check-optimizers.yml"),
        ("vendor.github-actions", "action.yml"),
    ],
)
def test_what_github_reads_is_valid_and_something_wrong_is_not(schema, file, tmp_path):
    def valid(path: Path) -> bool:
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
        return subprocess.run(command, capture_output=True).returncode == 0

    text = (ROOT / file).read_text()
    assert valid(ROOT / file)
    wrong = tmp_path / Path(file).name
    wrong.write_text(text.replace("runs-on: ubuntu-latest", "").replace("using: composite", "using: nothing"))
    assert not valid(wrong)
    for line in re.findall(r"(adanorm-verify check [^\n]*)", text):
        assert unknown(shlex.split(line.replace("$OPTIONS", ""))[1:]) == "", line


def test_every_document_can_be_reached_from_the_front_door():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not [path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in text]
