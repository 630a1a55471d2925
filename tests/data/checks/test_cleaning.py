"""Cleaning: each rule repairs its fault, leaves sound text alone, and a second run does nothing."""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad

from burnish.data.checks.cleaning import Cleaner, _looks_bad, find_boilerplate
from burnish.records import CLEANING_RULES, CleaningRule

EVERYTHING = Cleaner(CLEANING_RULES)


@pytest.mark.parametrize(
    ("rule", "text", "clean"),
    [
        ("mojibake", "He said: â€œcafÃ©â€\x9d, itâ€™s 5Â°C", "He said: “café”, it’s 5°C"),
        ("mojibake", "“naïve” §5 10 µg\nbroken: Ã¼ber", "“naïve” §5 10 µg\nbroken: über"),
        ("mojibake", "the company‚Äôs current‚Äìyear", "the company’s current–year"),
        ("html", "<p>a</p><p>b &amp; c</p>", "a\n\nb & c"),
        ("control", "\ufeffa\x00b\x07\u200bc\u2060d\x1b[31mred\x1b[0m", "abcdred"),
        ("control", "one\r\ntwo\rthree\u2028four\x0bfive", "one\ntwo\nthree\nfour\nfive"),
        ("control", "pay \u202e0001\u202c now", "pay 0001 now"),
        ("control", "\u200ea\u200fb\u200dc", "abc"),
        ("control", "hi\U000e0041\U000e0042!", "hi!"),
        ("control", "half \ud83d, whole \ud83d\ude00", "half \ufffd, whole 😀"),
        ("unicode", "e\u0301 ﬁnal oﬃce 5\u00a0m\u2009x so\u00adft", "é final office 5 m x soft"),
        ("whitespace", "a  b \n\n\n\nc\t \td  ", "a b\n\nc\td"),
        ("whitespace", "  x\n  y  z", "x\n  y  z"),
    ],
)  # fmt: skip
def test_each_rule_repairs_its_fault(rule: CleaningRule, text: str, clean: str) -> None:
    assert Cleaner([rule]).clean(text) == (clean, (rule,))
    assert Cleaner([rule]).clean(clean) == (clean, ())
    others: list[CleaningRule] = [other for other in CLEANING_RULES if other != rule]
    assert rule not in Cleaner(others).clean(text)[1]


@pytest.mark.parametrize(
    "text",
    [
        "Plain English, with punctuation; nothing else.",
        "“Curly” ‘quotes’ – dashes — and … stay, as do 10 µg, 5 m², ½, H₂O, 3 × 10⁶, ™ and №.",
        "Naïve café, Größe, Łódź, Ελλάδα, Москва, ÀÉÎÕÜ, señor, smørrebrød, ﬓ",
        "می‌خواهم به خانه بروم. \u200fשלום (abc)\u200e, العربية",
        "क्‍ष श्री न्‌ 👩‍👩‍👧‍👦 👍🏽 ❤️ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "ภาษา\u200bไทย　日本語　テスト",
        "\u202bעברית in English\u202c",
        "line one\n\nline two\n    indented  code\n\tcell\t\tcell",
        "```python\nx = 1    # one\n\n\n\ny = 2\n```",
        '{"a":  "two  blanks <b>and</b> &amp;",\n\n\n\n "b": [1,   2]}',
        "a < b, I <3 you, List<int>",
        "",
        "\n".join(["Kind regards,", "Anna"]),
    ],
)
def test_sound_text_stays(text: str) -> None:
    assert EVERYTHING.clean(text) == (text, ())


def test_rules_run_in_order_and_are_named() -> None:
    text = "<p>cafÃ©\u200b &nbsp; ﬁne  </p>"
    clean, rules = EVERYTHING.clean(text)
    assert clean == "café fine"
    assert rules == ("mojibake", "html", "control", "unicode", "whitespace")
    assert Cleaner([]).clean(text) == (text, ())


def test_one_repair_may_call_for_another() -> None:
    assert EVERYTHING.clean("&Atilde;&copy;t&Atilde;&copy;")[0] == "été"
    assert EVERYTHING.clean("&amp;lt;p&amp;gt;hi&amp;lt;/p&amp;gt;")[0] == "hi"


def test_text_nested_on_purpose_is_left_alone() -> None:
    assert EVERYTHING.clean("<i>" * 200 + "deep" + "</i>" * 200) == ("deep", ("html",))
    bottomless = "<br" * 300 + ">" * 300
    assert EVERYTHING.clean(bottomless) == (bottomless, ())


def test_json_stays_json() -> None:
    text = json.dumps(
        {"x": "a\u00a0b &quot;c&quot;\u200b", "y": [1, 2]}, ensure_ascii=False, indent=4
    )
    clean, rules = EVERYTHING.clean(text)
    assert json.loads(clean) == {"x": "a b &quot;c&quot;", "y": [1, 2]}
    assert rules == ("control", "unicode")


def test_random_rubbish_is_cleaned_once() -> None:
    pieces = [
        "<", ">", "<b>", "</b>", "<br/>", "<p", "&amp;", "&lt;", "&nbsp;", "&#0;", "&#xd83d;", "`",
        "```", "\n", "\n\n\n", "  ", "\t", "\r", "\x00", "\x85", "\u200b", "\u200d", "\u202e",
        "\u202c", "\ufeff", "\ud83d", "\ude00", "é", "Ã©", "â€", "Â", "e\u0301", "\u0301", "ﬁ",
        "\u00a0", "\u3000", "\u00ad", "מ", "न", "word", "{", "}", '"', "html", "~~~", "\u2028",
        "😀", "\U000e0041", "Sent from my iPhone",
    ]  # fmt: skip
    cleaner = Cleaner(CLEANING_RULES, frozenset({"Sent from my iPhone"}))
    draw = random.Random(1)
    for _ in range(3000):
        text = "".join(draw.choices(pieces, k=draw.randrange(1, 25)))
        clean, rules = cleaner.clean(text)
        assert cleaner.clean(clean) == (clean, ()), text
        assert (clean != text) == bool(rules)


def test_the_quick_look_for_mojibake_misses_nothing() -> None:
    characters = [*"aZ ?!.,\n1", *"".join(MOJIBAKE_CATEGORIES.values()), *"م字न😀œŒ"]
    draw = random.Random(5)
    bad = 0
    for _ in range(20_000):
        text = "".join(draw.choices(characters, k=6)) + "plain" * draw.randrange(2)
        text += "".join(draw.choices("aÃÂ Гў.€", k=3))
        if is_bad(text):
            bad += 1
            assert _looks_bad(text), ascii(text)
    assert 2_000 < bad < 19_000


# Boilerplate


def letters(n: int, *, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    words = ["card", "money", "account", "please", "lost", "week", "phone", "transfer", "abroad"]
    return [
        "\n".join(" ".join(draw.choices(words, k=8)) for _ in range(draw.randrange(1, 6)))
        for _ in range(n)
    ]


def test_boilerplate_of_most_rows_is_found_and_removed() -> None:
    texts = [f"{text}\n\nSent  from my iPhone\nCONFIDENTIAL" for text in letters(60)]
    found = find_boilerplate([*texts, *letters(40, seed=1)])
    assert found == {"Sent from my iPhone", "CONFIDENTIAL"}
    cleaner = Cleaner(CLEANING_RULES, found)
    for text, bare in zip(texts, letters(60), strict=True):
        assert cleaner.clean(text) == (bare, ("boilerplate",))
    assert Cleaner(["html"], found).clean(texts[0]) == (texts[0], ())


def test_a_text_of_nothing_else_is_left_alone() -> None:
    cleaner = Cleaner(CLEANING_RULES, frozenset({"Sent from my iPhone", "Bye for now"}))
    assert cleaner.clean("Sent from my iPhone") == ("Sent from my iPhone", ())
    both = "Sent from my iPhone\nBye for now"
    assert cleaner.clean(both) == (both, ())


@pytest.mark.parametrize(
    "form",
    ["Subjective and history:", "## The plan of care", "- one of the items",
     "Allergies: none known", "Is it true or false?", "B) all of the above", "Yes"],
)  # fmt: skip
def test_form_is_not_boilerplate(form: str) -> None:
    assert find_boilerplate(f"{text}\n{form}" for text in letters(100)) == frozenset()


def test_too_few_rows_and_wandering_lines_are_not_boilerplate() -> None:
    line = "Sent from my iPhone"
    assert find_boilerplate([f"{text}\n{line}" for text in letters(19)]) == frozenset()
    assert find_boilerplate([f"{text}\n{line}" for text in letters(19)], least=19) == {line}
    some = [f"{text}\n{line}" for text in letters(40)]
    assert find_boilerplate([*some, *letters(60, seed=1)]) == frozenset()
    assert find_boilerplate([*some, *letters(60, seed=1)], share=0.4) == {line}
    draw = random.Random(0)
    wandering = []
    for text in letters(200, seed=2):
        lines = (text + "\nmore of it\nand more of it\nto the end of it").split("\n")
        lines.insert(draw.randrange(len(lines) + 1), "No known drug allergies at all")
        wandering.append("\n".join(lines))
    assert "No known drug allergies at all" not in find_boilerplate(wandering)


def test_labels_and_json_are_not_boilerplate() -> None:
    assert find_boilerplate(["the card was lost"] * 100) == frozenset()
    pretty = json.dumps({"a": "one two three four", "b": [1]}, indent=1)
    assert find_boilerplate([pretty] * 100) == frozenset()


def test_counting_is_bounded_and_keeps_what_comes_late() -> None:
    def texts() -> Iterator[str]:
        for i in range(30_000):
            yield f"unique line number {i} here\nanother unique {i} line" + (
                "\nSent from my iPhone" if i >= 12_000 else ""
            )

    assert find_boilerplate(texts()) == {"Sent from my iPhone"}


# Real texts, and time


def test_real_data_keep_all_but_their_faults() -> None:
    folder = Path(os.environ.get("BURNISH_DATA", "-"))
    if not folder.is_dir():
        pytest.skip("BURNISH_DATA names no folder of real data sets")
    counts: Counter[str] = Counter()
    for name in ("instruction-seed-tasks/train", "labelerrors-mmlu-redux/test", "qa-pubmedqa/test"):
        for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").split("\n"):
            for value in json.loads(line).values() if line else ():
                if not isinstance(value, str):
                    continue
                text = value.replace("\r\n", "\n").strip()
                clean, rules = EVERYTHING.clean(text)
                counts.update(rules)
                assert EVERYTHING.clean(clean) == (clean, ())
                if rules == ("whitespace",):
                    assert clean.split() == text.split()
    assert counts["html"] == 0  # they hold tags, all of them meant
    assert counts["mojibake"] == 4  # read one by one: ‚Äô, ‚Äì and a C1 control


def test_plain_text_takes_microseconds() -> None:
    text = ("The patient asked whether the tablets may be taken with food. " * 6)[:-1]
    cleaner = Cleaner(CLEANING_RULES, frozenset({"Sent from my iPhone"}))
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(2000):
            cleaner.clean(text)
        best = min(best, (time.perf_counter() - start) / 2000)
    assert best < 15e-6
