"""Every link of the documentation leads somewhere, to the very heading."""

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links, name

LINKS = [
    pytest.param(page, link, id=f"{name(page)}: {link}")
    for page in PAGES
    for link in links(page.read_text())
    if "://" not in link
]


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_it_leads_to_something_there_is(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.is_relative_to(ROOT)
    assert target.exists()
    assert not anchor or anchor in anchors(target.read_text())


def test_every_page_is_reached_from_the_readme() -> None:
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page.read_text())]
        todo += [inner for target in targets for inner in ([target] if target in PAGES else target.glob("*.md"))]
    assert [name(page) for page in PAGES if page not in reached] == []


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("## WindowClosed", ["windowclosed"]),
        ("# `make up`, in a minute", ["make-up-in-a-minute"]),
        ("## Twice\n## Twice", ["twice", "twice-1"]),
        ('| <a id="ready"></a>`Ready` |', ["ready"]),
        ("```console\n# no heading\n```", []),
    ],
)
def test_anchors_are_those_that_readers_are_given(text: str, known: list[str]) -> None:
    assert anchors(text) == known
