"""Chinese, Japanese and Korean text: its language, words, sentences, and the rules on prose."""

import pytest

from datamodules.pipeline import scores
from datamodules.pipeline.pages import Page
from datamodules.pipeline.rules import GROUPS, limits_of
from datamodules.pipeline.settings import Settings

PROSE = {
    "zh": (
        "市图书馆昨天重新开放，新馆面积为１２，６００平方米，比旧馆大一倍。馆长介绍说：“我们希望每位市民都能"
        "在这里找到想读的书。”读者可以凭身份证免费办理借书证，每次可借十本，为期三十天。对于行动不便的老人，"
        "图书馆将提供送书上门服务。"
    ),
    "ja": (
        "市立図書館は昨日、新しい建物で開館した。面積は約一万二千平方メートルで、以前の建物の二倍になる。"
        "館長は「すべての市民に読みたい本を見つけてほしい」と話している。利用者は身分証明書があれば、無料で"
        "カードを作ることができる。一度に十冊まで、三十日間借りられる。外出が難しい高齢者には、本を自宅まで"
        "届けるサービスも始まるという。"
    ),
    "ko": (
        "시립 도서관이 어제 새 건물에서 문을 열었다. 새 건물의 면적은 약 만 이천 제곱미터이다. "
        "관장은 모든 시민이 읽고 싶은 책을 찾을 수 있기를 바란다고 말했다. 이용자는 신분증이 "
        "있으면 무료로 카드를 만들 수 있다. 한 번에 열 권까지 삼십 일 동안 빌릴 수 있다. "
        "외출이 어려운 노인을 위해 책을 집까지 가져다주는 서비스도 시작한다. "
        "어린이를 위한 방은 일 층에 있으며 그 옆에는 작은 카페가 있다."
    ),
}
SHORT = {
    "zh": [
        "房间很大",
        "下次去还会住。",
        "隔音效果差，WIFI也不行",
        "價格便宜,服務好!",
        "性价比高O(∩_∩)O",
    ],
    "ja": ["部屋が広い", "また泊まりたいです。", "Wi-Fiが遅い", "朝食はおいしかった！"],
    "ko": ["방이 넓어요", "다시 오고 싶습니다.", "Wi-Fi가 느려요", "조식이 맛있었어요!"],
}


@pytest.mark.parametrize("language", SHORT)
def test_the_language_of_a_short_text_is_told_by_its_script(language):
    for text in [*SHORT[language], PROSE[language]]:
        found, share = scores.detect_language(text)
        assert (found, share >= 0.65) == (language, True), text


def test_a_few_characters_do_not_decide():
    english = "The word 木 means tree, and 林 means a wood of many of them, as the teacher said."
    assert scores.detect_language(english)[0] == "en"
    assert (
        scores.detect_language("他说 の 在中文广告里很常见，意思是“的”，读者都看得懂。")[0] == "zh"
    )
    half = f"{PROSE['zh']}\n" + "An English half of the page, with just as much to say. " * 6
    assert scores.detect_language(half)[1] < 0.65


@pytest.mark.parametrize("language", PROSE)
def test_rules_and_quality_keep_a_paragraph_of_prose(language):
    page, limits = Page.of(PROSE[language], language), limits_of(language)
    for group in GROUPS.values():
        broken = [(rule, value) for rule, value, _, over in group(page, limits) if over]
        assert not broken
    assert page.text == PROSE[language]
    assert scores.quality_score(page) > 0.8


@pytest.mark.parametrize("language", PROSE)
def test_rules_remove_repetition_and_lists(language):
    again = Page.of(PROSE[language][:20] * 20, language)
    rules = [r for r, _, _, over in GROUPS["gopher_repetition"](again, limits_of(language)) if over]
    assert rules
    names = {"zh": "王小明、李红、", "ja": "田中、鈴木、", "ko": "김철수 이영희 "}[language] * 40
    page = Page.of(names, language)
    rules = [r for r, _, _, over in GROUPS["gopher_quality"](page, limits_of(language)) if over]
    assert "stop_words" in rules


def test_words_and_sentences():
    text = "价格是３．５元，比ＡＢＣ店便宜。他问：“真的吗？”我说：3.5元！Python3.12也行"
    line = Page.of(text, "zh").lines[0]
    assert {"3.5", "ABC", "便宜", "真的"} <= set(line.words)
    parts = [text[a:b] for a, b in zip([0, *line.ends], line.ends, strict=False)]
    assert parts == [
        "价格是３．５元，比ＡＢＣ店便宜。",
        "他问：“真的吗？”",
        "我说：3.5元！",
        "Python3.12也行",
    ]
    line = Page.of("店名は「海」です。データを見た．速い！", "ja").lines[0]
    assert line.words[:6] == ["店名", "は", "「", "海", "」", "です"] and len(line.ends) == 3
    line = Page.of("값은 3.5원입니다. 정말요? 네", "ko").lines[0]
    assert line.words[:3] == ["값은", "3.5원입니다", "."] and len(line.ends) == 3


def test_no_gap_is_counted_between_words_without_spaces():
    text = "天气很好，" + "他们去公园散步。" * 2 + "然后回家吃饭，晚上一起看了一部新的电影。"
    measured = GROUPS["gopher_repetition"](Page.of(text, "zh"), limits_of("zh"))
    value = {rule: value for rule, value, *_ in measured}["top_2_gram"]
    assert value == pytest.approx(2 * len("他们去") / len(text))


def test_a_line_that_ends_with_a_quotation_is_punctuated():
    text = "\n".join(f"他第{n}次说：“我们明天再去图书馆看书吧。”" for n in "一二三四")
    measured = GROUPS["fineweb"](Page.of(text, "zh"), limits_of("zh"))
    assert {rule: value for rule, value, *_ in measured}["unpunctuated_lines"] == 1


@pytest.mark.parametrize("method", ["synonyms", "back_translation"])
def test_english_methods_for_other_languages_are_refused(method, tmp_path):
    with pytest.raises(ValueError, match=rf"--augment {method}: changes English text only"):
        Settings(source="x", output=str(tmp_path), languages="zh,ja", augment=f"swap,{method}")
    Settings(source="x", output=str(tmp_path), languages="zh,en", augment=method)
