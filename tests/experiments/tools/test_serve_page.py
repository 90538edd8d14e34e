"""The pages of serve.py in a real browser."""

import pytest

import modules
from modules import load
from tests.browser import Browser
from tests.experiments import chatting
from tests.experiments.tools import served
from tests.modules import cells

pytestmark = pytest.mark.slow  # Chromium

NASTY = "<img src=x onerror=alert(1)>"
WIDE = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def test_a_text_is_predicted_on_the_page(browser: Browser, bert, tmp_path):
    labels = ["warm", NASTY, "a" * 200]
    module = cells.stirred(modules.Adapter, bert, modules.Classification(labels))
    with served.in_thread(module) as client:
        url = str(client.base_url)
        page = browser.open(url, width=420)
        page.evaluate("document.getElementById('text').value = 'a warm film'")
        page.click("#send")
        page.wait_for("document.getElementById('answer').textContent")
        assert page.evaluate("answer.textContent") == module.predict(["a warm film"])[0]
        chances = module.predict_proba(["a warm film"])[0]
        assert f"{100 * max(chances):.1f} %" in page.text() and NASTY in page.text()
        assert page.count(".row") == 3 and page.count("img") == 0
        assert page.evaluate(WIDE)
        page.screenshot(tmp_path / "page.png")
        page.evaluate("document.getElementById('text').value = ' '")
        page.click("#send")
        page.wait_for("wrong.textContent")
        assert page.evaluate("wrong.textContent") == '"text" is empty'
        assert page.evaluate("answer.textContent") == "" and page.count(".row") == 0
        page.evaluate("document.getElementById('text').value = 'film '.repeat(500)")
        page.click("#send")
        page.wait_for("cut.textContent")
        asked = [request for request in page.requests if not request.startswith("data:")]
        assert {a.removeprefix(url).strip("/") for a in asked} == {"", "predict"}
        assert all("422" in error for error in page.errors), page.errors
        page.close()


def test_a_pair_has_two_fields(browser: Browser, bert):
    module = cells.stirred(modules.Adapter, bert, cells.TASKS["pairs"]())
    with served.in_thread(module) as client:
        page = browser.open(str(client.base_url), width=420, dark=True)
        page.evaluate("for (const id of ['text', 'pair']) document.getElementById(id).value = 'a'")
        page.click("#send")
        page.wait_for("answer.textContent")
        assert page.evaluate("answer.textContent") == module.predict([("a", "a")])[0]
        assert page.errors == []
        page.close()


def test_a_chat_on_the_page(browser: Browser, tmp_path):
    speaker = chatting.save_speaker(tmp_path / "speaker")
    with served.in_thread(load(speaker), new_tokens=24) as client:
        page = browser.open(str(client.base_url), width=420)
        for turn, text in enumerate((NASTY, "Say 4.")):
            page.evaluate(f"document.getElementById('text').value = {text!r}")
            page.click("#send")
            page.wait_for(f"messages.length === {2 * turn + 2} && !running")
        assert page.evaluate("messages[0].content") == NASTY and page.count("#chat img") == 0
        assert page.count(".user") == page.count(".assistant") == 2
        assert (
            page.evaluate("messages[1].content")
            == client.post("/chat", json={"messages": [{"role": "user", "content": NASTY}]}).json()[
                "message"
            ]["content"]
        )
        assert page.evaluate(WIDE) and page.errors == []
        page.screenshot(tmp_path / "chat.png")
        page.click("#fresh")
        assert page.evaluate("messages.length") == page.count(".said") == 0
        page.close()
