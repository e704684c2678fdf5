"""Every link between the pages of the repository leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("*.md")),
]
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"(?<!\\)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_ELSEWHERE = ("http://", "https://", "mailto:")


def anchors(text: str) -> set[str]:
    """Return the anchors that the headings of a page make."""
    titles = _HEADING.findall(_FENCED.sub("", text))
    plain = (re.sub(r"[`*]|\[|\]\([^)]*\)", "", title) for title in titles)
    return {
        re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())
        for title in plain
    }


def links(text: str) -> list[str]:
    """Return the targets of a page's links to other pages and files."""
    prose = _CODE.sub("`code`", _FENCED.sub("", text))
    return [each for each in _LINK.findall(prose) if not each.startswith(_ELSEWHERE)]


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_links_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    """Neither a file nor a heading that a page links to may be missing."""
    text = page.read_text(encoding="utf-8")

    broken = []
    for link in links(text):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (
            anchor and anchor not in anchors(target.read_text(encoding="utf-8"))
        ):
            broken.append(link)

    assert broken == []


def test_every_page_of_the_documentation_is_in_the_navigation() -> None:
    """A page that is not listed is not found."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    folder = ROOT / "docs"

    missing = [
        page.relative_to(folder).as_posix()
        for page in sorted(folder.rglob("*.md"))
        if page.relative_to(folder).as_posix() not in navigation
    ]

    assert missing == []


def test_a_link_in_code_is_no_link() -> None:
    """What stands in code blocks is not followed; what stands in prose is."""
    text = "[a](b.md#c) `[x](y)`\n```text\n[p](q)\n```\n[web](https://example.org)\n"

    assert links(text) == ["b.md#c"]


def test_headings_make_the_anchors_that_the_generator_makes() -> None:
    """Code marks and punctuation do not count, words are joined by dashes."""
    assert anchors("# The `a_b` file: two, words\n") == {"the-a_b-file-two-words"}
