"""The tutorial, the how-to guides and the README do what they say.

Each page is followed as a reader would, in an empty folder, from top to bottom. Comments
in front of a block, which readers do not see, say what it is:

    <!-- file: train.py -->        the block is the content of that file
    <!-- exit: 2 -->               the commands of the block end with this status
    <!-- not run: the reason -->   the block is only to be read

In a ``console`` block, lines with ``$`` are commands. The others are output: each must
appear, in this order, with ``...`` standing for any text. Run ids and durations are those
of somebody else's run, and spaces only align: neither is compared. A command that names a run
is given the reader's own: the first id on a page stands for the first run, and so on.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
FOLLOWED = [
    ROOT / "README.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
]
_BLOCK = re.compile(
    r"(?:^<!-- (?P<what>[a-z ]+): (?P<value>.+?) -->\n+)?"
    r"^```(?P<language>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_READ_ONLY = {"text", ""}
_MARK = "@@ end of command"
_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6,}")
_DURATION = re.compile(r"\b\d+\.\d s\b")
_LIMIT_S = 240


@dataclass(frozen=True)
class Block:
    """One fenced block of a page.

    Attributes:
        language: What stands behind the fence.
        body: Its lines.
        what: First word of the comment in front of it, such as ``file``.
        value: The rest of that comment.
    """

    language: str
    body: str
    what: str
    value: str

    @property
    def is_file(self) -> bool:
        """Whether the block is to be written to a file."""
        return self.what == "file"

    @property
    def is_run(self) -> bool:
        """Whether the block holds commands that are to be run."""
        return self.language == "console" and self.what != "not run"


@dataclass(frozen=True)
class Command:
    """One command of a page, with what it should print and end with."""

    text: str
    output: list[str]
    status: int


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [
        Block(
            match["language"],
            match["body"],
            match["what"] or "",
            match["value"] or "",
        )
        for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def commands(block: Block) -> list[Command]:
    """Return the commands of a ``console`` block."""
    status = int(block.value) if block.what == "exit" else 0
    lines = block.body.replace("\\\n", " ").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    return [
        Command(
            lines[start][2:],
            [line.strip() for line in lines[start + 1 : stop] if line.strip()],
            status,
        )
        for start, stop in pairwise([*starts, len(lines)])
    ]


def shell_script(page: Path) -> str:
    """Return the page as one shell script: variables last from block to block."""
    parts: list[str] = []
    ids = list(dict.fromkeys(_RUN_ID.findall(page.read_text(encoding="utf-8"))))
    for block in blocks(page):
        if block.is_file:
            name = shlex.quote(block.value)
            parts.append(f'mkdir -p "$(dirname {name})"')
            parts.append(f"printf %s {shlex.quote(block.body)} > {name}")
        elif block.is_run:
            for command in commands(block):
                parts.append(
                    _RUN_ID.sub(lambda found: _own(ids, found[0]), command.text)
                )
                parts.append(f"printf '\\n%s %s\\n' '{_MARK}' \"$?\"")
    return "\n".join(parts) + "\n"


def _own(ids: list[str], run_id: str) -> str:
    """Return the shell's words for the reader's run where a page names somebody else's."""
    return f"$(ls .ml_experiment/runs | sed -n {ids.index(run_id) + 1}p)"


def readers_environment(home: Path) -> dict[str, str]:
    """Return the environment of a reader who has just installed the package."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "ML_EXPERIMENT_", "PYTEST_", "GIT_"))
    }
    programs = str(Path(sys.executable).parent)
    author = {"NAME": "A Reader", "EMAIL": "reader@example.org"}
    return (
        kept
        | {"PATH": f"{programs}{os.pathsep}{kept['PATH']}", "HOME": str(home)}
        | {f"GIT_AUTHOR_{key}": value for key, value in author.items()}
        | {f"GIT_COMMITTER_{key}": value for key, value in author.items()}
        | {"COLUMNS": "100", "MLFLOW_DISABLE_TELEMETRY": "true"}
    )


def comparable(line: str) -> str:
    """Return a line of output without what differs from run to run."""
    text = _DURATION.sub("(duration)", _RUN_ID.sub("(run id)", line))
    return " ".join(text.split())


def first_unseen(expected: list[str], printed: str) -> str | None:
    """Return the first expected line that is not printed after those before it."""
    lines = iter(comparable(line) for line in printed.splitlines())
    for line in expected:
        words = comparable(line)
        if words == "...":
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in words.split("...")))
        if not any(pattern.fullmatch(each) for each in lines):
            return line
    return None


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", FOLLOWED, ids=_name)
def test_no_block_of_a_page_is_left_out_silently(page: Path) -> None:
    """Every block is a file, is run, or says why it is not."""
    left_out = [
        block.body
        for block in blocks(page)
        if not (block.is_file or block.is_run or block.what == "not run")
        and block.language not in _READ_ONLY
    ]

    assert left_out == []


@pytest.mark.parametrize("page", FOLLOWED, ids=_name)
def test_following_a_page_gives_what_it_shows(page: Path, tmp_path: Path) -> None:
    """A reader who does what the page says sees what the page shows."""
    expected = [
        command for block in blocks(page) if block.is_run for command in commands(block)
    ]
    folder, home = tmp_path / "project", tmp_path / "home"
    folder.mkdir()
    home.mkdir()

    done = subprocess.run(
        ["bash", "-c", shell_script(page)],
        cwd=folder,
        env=readers_environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_LIMIT_S,
    )

    printed = re.split(rf"^{_MARK} (\d+)\n", done.stdout, flags=re.MULTILINE)
    outputs, statuses = printed[0::2], printed[1::2]
    assert len(statuses) == len(expected), done.stdout
    for command, output, status in zip(expected, outputs, statuses, strict=False):
        assert (command.text, int(status)) == (command.text, command.status), output
        assert first_unseen(command.output, output) is None, (
            f"$ {command.text}\nmissing: {first_unseen(command.output, output)}\n{output}"
        )


def test_an_output_line_that_is_not_printed_is_noticed() -> None:
    """The comparison can fail: order and text both count."""
    printed = "run 20260131-235959-1a2b3c  FINISHED  acc=0.9  2.1 s\nnext\n"

    shown = "run 20270228-123456-abcdef FINISHED acc=0.9 17.4 s"
    assert first_unseen([shown, "next"], printed) is None
    assert first_unseen(["run ... acc=0.9 ...", "...", "next"], printed) is None
    assert first_unseen(["run ... FAILED ..."], printed) == "run ... FAILED ..."
    assert first_unseen(["next", "run ..."], printed) == "run ..."
