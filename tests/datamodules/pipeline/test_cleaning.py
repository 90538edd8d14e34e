import pytest

from datamodules.pipeline.cleaning import broken_share, clean
from datamodules.pipeline.notices import without_notices


def test_a_page_becomes_its_main_text():
    page = """<!DOCTYPE html><html><head><title>t</title><style>p {color: red}</style></head><body>
    <nav><a href="/">Home</a> <a href="/a">About</a></nav><script>var x = "gone";</script>
    <article><h1>Bees</h1><p>Bees dance &amp; hum.</p><p>They make honey.</p></article>
    <footer>All cookies accepted</footer></body></html>"""
    text = clean(page)
    assert "Bees dance & hum." in text and "They make honey." in text
    assert not any(word in text for word in ("gone", "color", "About", "<"))


def test_tags_in_text_become_what_they_stand_for():
    assert clean("One.<br /><br />Two <i>three</i>.<script>x()</script>") == "One.\n\nTwo three."


def test_less_than_is_no_tag():
    assert clean("if a < b and c > d then") == "if a < b and c > d then"


def test_encodings_are_repaired():
    assert clean("The cafÃ© wasnâ€™t open") == "The café wasn’t open"
    assert clean("e\u0301te\u0301") == "été"


def test_what_chinese_means_by_width_stays():
    assert clean("他说：“好！”（笑）Ａ") == "他说：“好！”（笑）Ａ"


def test_white_space_and_what_nobody_sees():
    assert clean("a\u00a0b\tc  d\r\n\r\n\r\ne\u200bf\x00 \n g") == "a b c d\n\nef\ng"


def test_entities():
    assert clean("Tom &amp; Jerry &lt;3") == "Tom & Jerry <3"


def test_lines_that_only_state_rights_go_and_prose_about_them_stays():
    text = "A story.\n© 2019 Acme Corp. All rights reserved.\nIts copyright was in doubt for years."
    assert without_notices(text) == ("A story.\nIts copyright was in doubt for years.", 1)
    assert without_notices("正文。\n版权所有 2020 某公司") == ("正文。", 1)
    assert without_notices("Nothing.") == ("Nothing.", 0)


NOTICES = """Copyright 2024 The Harbour Company. All rights reserved.
Copyright (c) 1998-2003, Jane Doe and others
© Acme Corp.
Portions Copyright (C) 2007 Jane Doe <jane.doe@mail.example.org>
© 2010 BBC. The BBC is not responsible for other sites.
(c) 2001 by Ann Example
copyright 2005 by ann example
All rights reserved.
* All rights reserved by Acme Corp.
All Rights Reserved © 2020 Acme
Copyright Acme Corp. All rights reserved.
Licensed under the MIT License.
LICENSED UNDER CC BY-SA 4.0
版权所有：某公司，未经许可不得转载。
保留所有权利""".splitlines()
PROSE = """Copyright law protects authors of original works.
All rights reserved words are keywords in this language.
All rights reserved to the crown were given up.
Copyright 2024 was a bad year for authors.
Copyright by itself is no reason to stop.
Copyright holders may object.
(c) 2000 people were there, and nobody spoke.
(c) the third point of the list
Licensed under the new law, a tavern could open on Sundays.
Its copyright was in doubt for years.
版权所有者有权要求删除。
著作权法保护作者。""".splitlines()


@pytest.mark.parametrize("line", NOTICES)
def test_a_line_that_is_nothing_but_a_notice_goes(line):
    assert without_notices(f"A story.\n{line}\nIt ends.") == ("A story.\nIt ends.", 1)


@pytest.mark.parametrize("line", PROSE)
def test_prose_that_begins_like_a_notice_stays(line):
    text = f"A story.\n{line}\nIt ends."
    assert without_notices(text) == (text, 0)


def test_broken_share():
    assert broken_share("ab\ufffd\ufffd") == 0.5 and broken_share("") == 0
