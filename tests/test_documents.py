"""Links and names of files in the documents lead somewhere; addresses of other sites are checked by form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT
from tests.documents import DOCS, NAVIGATION, PAGES, files_of

NOTEBOOK = json.loads((DOCS / "python.ipynb").read_text(encoding="utf-8"))
TEXTS = PAGES | {
    DOCS / "python.ipynb": "\n\n".join(
        "".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "markdown"
    )
}


def prose(text: str) -> str:
    """A page without its code."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    text = re.sub(r"^(    .*\n)+", "", text, flags=re.M)
    return re.sub(r"`[^`\n]+`", "code", text)


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(text))


def anchor_of(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.replace("`", "").lower()).strip().replace(" ", "-")


def anchors(text: str) -> set[str]:
    """What the headings of a page are linked by, on the site and on GitHub."""
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return set(map(anchor_of, re.findall(r"^#+ +(.+)$", plain, re.M)))


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(TEXTS[page]):
        if re.match(r"\w+:", link):
            address = urlsplit(link)
            assert address.scheme == "https", link
            assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", address.netloc), link
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert page.parent == ROOT or target.is_relative_to(DOCS), f"{link}: the site has only docs/"
        if anchor:
            assert anchor in anchors(TEXTS[target]), f"{page.name}: there is no heading for {link}"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"(?<![\w/.])((?:src|conf|tests|scripts|docs|\.ci)/[\w./-]*\w)", TEXTS[page])
    examples = {Path(name).stem for name in files_of(TEXTS[page])}
    missing = [Path(name) for name in named if not (ROOT / name).exists()]
    assert [path for path in missing if path.stem.removeprefix("test_") not in examples] == []


def test_every_document_is_in_the_navigation() -> None:
    pages = [path for path in DOCS.rglob("*") if path.suffix in (".md", ".ipynb")]
    found = {path.relative_to(DOCS).as_posix() for path in pages}
    assert found == set(NAVIGATION)
    assert len(NAVIGATION) == len(set(NAVIGATION))


def test_the_readme_is_short() -> None:
    assert len(PAGES[ROOT / "README.md"].splitlines()) <= 110


def test_pages_begin_with_their_one_title() -> None:
    for page, text in PAGES.items():
        plain = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
        assert text.startswith("# "), page
        assert len(re.findall(r"^# ", plain, re.M)) == 1, page
