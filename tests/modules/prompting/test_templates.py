"""Templates and label words: what they make of a row, and what they refuse."""

import re

import pytest

from modules.prompts.templates import Prompt, Template, label_words


def test_a_row_becomes_the_text_before_and_after_the_answer():
    template = Template("{{ text }}\nAll in all, it was {{ mask }}.")
    assert template.render({"text": "warm"}) == Prompt("warm\nAll in all, it was ", ".")
    assert template.columns == ("text",)
    assert Template("{{ text|upper }} ->").render({"text": "a", "pair": "b"}) == Prompt("A ->", "")


def test_what_a_row_says_is_not_read_as_jinja_and_makes_no_second_place():
    row = {"text": "{{ mask }} {% for x in y %} \ue000 <b>"}
    assert Template("{{ text }}:").render(row).before == "{{ mask }} {% for x in y %}  <b>:"


@pytest.mark.parametrize(
    ("before", "whole"),
    [
        ("It was", "It was good."),
        ("It was ", "It was good."),
        ("It was:\n", "It was:\ngood."),
        ("It was:\n ", "It was:\ngood."),
        ("", "good."),
    ],
)
def test_one_space_before_the_answer_and_none_at_the_start_of_a_line(before, whole):
    assert Prompt(before, ".").fill("good") == whole


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ body }}:", "no column 'body' (there: text, pair)"),
        ("{{ text }", "unexpected '}'"),
        ("Review:", "names no column"),
        ("{{ text }} {{ mask }} {{ mask }}", "one place for the answer, and here are 2"),
        ("{{ text.__class__.__mro__ }}", "unsafe"),
        ("{{ text|attr('__class__') }}", "unsafe"),
        ("{{ text.__init__.__globals__['os'].system('id') }}", "unsafe"),
        ("{{ '{0.__class__}'.format(text) }} {{ text }}", "unsafe"),
        ("{{ lipsum.__globals__ }} {{ text }}", "no column 'lipsum'"),
        ("{{ cycler.__init__ }} {{ text }}", "no column 'cycler'"),
        ("{% include '/etc/hostname' %}{{ text }}", "no loader"),
        ("{% import 'os' as os %}{{ text }}", "no loader"),
        ("{% for n in range(10) %}{{ text }}{% endfor %}", "no column 'range'"),
        ("{{ text.nothing }}", "has no attribute 'nothing'"),
        ("{{ text[9] }}", "has no element 9"),
        ("{{ text / 2 }}", "unsupported operand"),
    ],
)
def test_a_template_that_cannot_be_is_one_line(source, said):
    with pytest.raises(ValueError, match=re.escape(said)) as stop:
        Template(source).render({"text": "warm", "pair": "cold"})
    line = str(stop.value)
    assert line.startswith("--model.task.template")
    assert "\n" not in line, line


def test_words_are_those_of_the_labels_in_their_order():
    assert label_words(["no", "yes"]) == ["no", "yes"]
    assert label_words(["no", "yes"], {"yes": " great", "no": "bad"}) == ["bad", "great"]


@pytest.mark.parametrize(
    ("verbalizer", "said"),
    [
        ({"no": "bad"}, "--model.task.verbalizer: no word for the label 'yes'"),
        ({"no": "bad", "yes": " "}, "--model.task.verbalizer.yes: the word is empty"),
        ({"no": "it", "yes": "it "}, "--model.task.verbalizer.yes it: is the word of 'no' as well"),
        ({"no": "a", "yes": "b", "so": "c"}, "verbalizer.so: no such label; there are no, yes"),
    ],
)
def test_words_that_cannot_answer(verbalizer, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        label_words(["no", "yes"], verbalizer)
