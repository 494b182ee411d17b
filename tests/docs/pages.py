"""The documentation as its readers have it: files, headings with their anchors, fenced blocks, links."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)
_PLACED = re.compile(r'<a id="([^"]+)"></a>')
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def name(page: Path) -> str:
    """A page's path in the repository, for test ids."""
    return str(page.relative_to(ROOT))


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return [body for marked, body in _FENCE.findall(text) if marked == language]


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", text)


def anchors(text: str) -> list[str]:
    """What a link may name behind `#`, as GitHub makes it: of each heading, and those placed by hand."""
    plain = prose(text)
    made: list[str] = []
    for heading in _HEADING.findall(plain):
        words = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        twins = sum(known == words or re.fullmatch(rf"{re.escape(words)}-\d+", known) is not None for known in made)
        made.append(f"{words}-{twins}" if twins else words)
    return [*made, *_PLACED.findall(plain)]


def links(text: str) -> Iterator[str]:
    """Where links of a page lead, as written."""
    yield from _LINK.findall(_CODE.sub("", prose(text)))


def sections(text: str, level: int) -> dict[str, str]:
    """The headings of one level with what stands below each, up to the next heading of that or a higher level."""
    marks = re.split(rf"^(#{{1,{level}}}) (.+?)\s*$", text, flags=re.MULTILINE)
    found = zip(marks[1::3], marks[2::3], marks[3::3], strict=True)
    return {title: body for hashes, title, body in found if len(hashes) == level}
