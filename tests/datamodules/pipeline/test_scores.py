import json
from pathlib import Path

import pytest

from datamodules.pipeline import profanity, scores
from datamodules.pipeline.pages import Page

FRENCH = (
    "Le film raconte l'histoire d'un jeune homme qui quitte son village pour la grande ville, où "
    "il rencontre des gens étranges. La mise en scène est remarquable et les acteurs jouent bien. "
)
ENGLISH = (
    "The film tells the story of a young man who leaves his village for the city, where he meets "
    "strange people. It is beautifully made, and everyone in it is as good as they can be. "
)
INNOCENT = [
    "Moby Dick is a novel about a whale.",
    "Philip K. Dick wrote it.",
    "He grew up in Scunthorpe and played shuttlecock there.",
    "Dick Cheney met Dick Van Dyke in Essex and Penistone.",
    "The cockpit was small, and a peacock sat on the grass.",
    "She is gay and so is her brother.",
    "The assassin passed the class on Shitake mushrooms.",
]
OFFENSIVE = [
    "You are a fucking asshole.",
    "Fuck off, you stupid bitch.",
    "Shut up you dick.",
    "What a piece of shit you are.",
]


def test_language():
    assert scores.detect_language(FRENCH * 3)[0] == "fr"
    assert scores.detect_language("这部电影讲述了一个年轻人离开村庄去大城市的故事。" * 5)[0] == "zh"
    assert scores.detect_language("") == ("unknown", 0.0)
    language, share = scores.detect_language(ENGLISH * 3)
    assert language == "en" and share > 0.95


@pytest.mark.parametrize("english", [6, 9, 12])
def test_of_a_mixed_page_the_share(english):
    share = scores.detect_language(ENGLISH * english + FRENCH * 9)[1]
    whole = len(ENGLISH) * english, len(FRENCH) * 9
    assert share == pytest.approx(max(whole) / sum(whole), abs=0.1)


def test_probabilities_are_the_library_s():
    """Recorded by record_profanity.py from alt-profanity-check itself."""
    file = Path(__file__).with_name("profanity_probabilities.json")
    recorded: dict[str, float] = json.loads(file.read_text())
    assert {*INNOCENT, *OFFENSIVE, FRENCH, ENGLISH} <= recorded.keys() and len(recorded) > 50
    assert min(recorded.values()) < 0.1 and max(recorded.values()) > 0.9
    model = profanity.load()
    ours = [model.probability(profanity.tokenize(text.lower())) for text in recorded]
    assert ours == pytest.approx(list(recorded.values()), abs=1e-9)


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_words(text):
    assert scores.toxicity_score(Page.of(text, "en")) == 0


@pytest.mark.parametrize("text", OFFENSIVE)
def test_offensive_sentences(text):
    assert scores.toxicity_score(Page.of(text, "en")) == 1


def test_toxicity_is_a_share_of_sentences():
    text = " ".join([OFFENSIVE[0], *INNOCENT[:3]])
    assert scores.toxicity_score(Page.of(text, "en")) == pytest.approx(0.25)


def test_quality_orders_prose_before_lists_before_noise():
    noise = "a1 || 77 %% xx __ 9 9 9 9 9"
    menu = "Home\nAbout us\nContact\nLogin\nHome\nAbout us"
    ordered = [scores.quality_score(Page.of(text, "en")) for text in (ENGLISH, menu, noise)]
    assert ordered == sorted(ordered, reverse=True) and ordered[0] > 0.9 and ordered[2] < 0.5
    assert scores.quality_score(Page.of("", "en")) == 0
