"""The browser of the tests sees what a page shows, draws, asks for and complains about."""

import pytest

from tests.browser import Browser

pytestmark = pytest.mark.slow  # Chromium

PAGE = """<!doctype html><title>t</title>
<style>body { background: #fff } @media (prefers-color-scheme: dark) { body { background: #000 } }
</style>
<p id=p onmouseover="this.textContent = 'hovered'" onclick="this.dataset.clicked = 1">text</p>
<script>setTimeout(() => document.body.append("later"), 200)</script>
"""


def test_what_a_page_shows_and_its_colours(browser: Browser, tmp_path):
    (tmp_path / "page.html").write_text(PAGE)
    page = browser.open(tmp_path / "page.html", dark=True)
    assert page.text().startswith("text") and page.count("p") == 1 and "onclick" in page.dom()
    page.wait_for("document.body.innerText.includes('later')")
    page.hover("#p")
    assert page.evaluate("p.textContent") == "hovered"
    page.click("#p")
    assert page.evaluate("p.dataset.clicked") == "1"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"
    page.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert page.errors == [] and page.requests == [(tmp_path / "page.html").as_uri()]
    page.close()


def test_errors_are_heard(browser: Browser, tmp_path):
    broken = "<script>console.error('said', 1)</script><script>undefined.x</script><img src=none>"
    (tmp_path / "page.html").write_text(broken)
    page = browser.open(tmp_path / "page.html")
    errors = "\n".join(page.errors)
    assert "said 1" in errors and "TypeError" in errors and "not loaded" in errors, errors
    page.close()
