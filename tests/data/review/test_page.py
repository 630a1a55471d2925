"""The data page: parsed as a browser would, then asked for what it must and must not hold."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest

from burnish.data.review.page import MOST_FINDINGS, _bars, _pieces, data_page, spelled
from burnish.data.review.summary import KINDS
from burnish.records import Change, CheckSettings, Dropped, Finding, FindingKind
from burnish.records.data_checks import (
    Balance,
    CostlyWord,
    CurvePoint,
    Cut,
    DataReport,
    Histogram,
    LearningCurve,
    NeededExamples,
    Power,
    Slice,
    TokenFit,
)

NASTY = (
    "</td></script><script>alert('1')</script><img src=x onerror=alert(1)> {{ 7*7 }} {% raw %} "
    "<!-- &amp; ' \" شكرا 👩‍⚕️ \x00\x1b\u202e\u200b\ufeff\ud800 end"
)
SPELLED = "[U+0000][U+001B][U+202E][U+200B][U+FEFF][U+D800] end"
VOID = {"meta", "br", "img"}


class Page(HTMLParser):
    """The elements of a page, its visible text, and whether every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


def report_of(**fields):
    given = {
        "name": "visit-notes", "task_kind": "summarize", "rows_read": 120,
        "splits": {"train": 90, "validation": 10, "test": 12},
    }  # fmt: skip
    return DataReport(**(given | fields))


def finding(kind, rows=("n.csv row 3",), text="seen today", **fields):
    return Finding(
        kind=kind, rows=rows, ids=tuple(rows), text=text,
        **({"score": 0.5, "reason": "because"} | fields),
    )  # fmt: skip


def full_report(text="plain"):
    slices = (
        Slice(by="label", name=text, n={"train": 60, "test": 1}, share=0.67, after=60),
        Slice(by="label", name="rare", n={"train": 0, "test": 2}, share=0.0, after=0),
    )
    points = tuple(
        CurvePoint(fraction=f, n=round(90 * f), score=0.8 - f**-1 / 10, low=0.1, high=0.9)
        for f in (0.25, 0.5, 0.75, 1.0)
    )
    five = dict.fromkeys(("p50", "p90", "p95", "p99", "max"), 1234)
    return report_of(
        goal=text,
        checks=CheckSettings(personal_data="mask"),
        dropped={"exact duplicate": 5, text: 3},
        cleaned={"mojibake": 7},
        findings={"conflict": 2, "personal-data": 900},
        personal_data={text: 5, "PERSON": 9},
        balance=Balance(
            slices=slices, entropy=0.5, ratio=60, minority=("rare",), how="oversample",
            entropy_after=1.0, ratio_after=1.0,
        ),
        learning_curve=LearningCurve(
            metric="macro_f1", method="TF-IDF.", repeats=5, validation_examples=10, points=points,
            asymptote=0.8, scale=9.0, exponent=1.0, doubled=180, gain=0.05, gain_low=0.01,
            gain_high=0.2, certain=True, conclusion="Doubling would add 0.050.",
        ),
        power=Power(
            metric="macro_f1", n=12, difference=0.4, method="McNemar's mid-p test",
            assumption="Assumed.", needed=(NeededExamples(difference=0.02, n=None),),
        ),
        token_fit=TokenFit(
            n=90, max_length=512, prompt=five, answer=five, total=five,
            cuts=(Cut(limit=512, n=4, share=0.0444),), tokens_per_epoch=99_999,
            tokens_per_second=100.0, seconds_per_epoch=1000.0,
            costly=(CostlyWord(word=text, tokens=9, characters=3, times=2, unknown=True),),
        ),
        histograms=(
            Histogram(name="input", unit="words", edges=(0, 10, 20, 90), counts=(1, 5, 1)),
        ),
        advice=(text,),
    )  # fmt: skip


def whole_page(text="plain"):
    findings = [
        finding(kind, rows=(f"{text} row 4", "n.csv row 9"), text=text, reason=text,
                suggestion=text, decision=text)
        for kind in get_args(FindingKind)
    ]  # fmt: skip
    dropped = [
        Dropped(source=text, row=8, reason=text, text=text, kept=f"{text} row 4",
                details={"why": text})
    ]  # fmt: skip
    changes = [
        Change(source=text, row=1, field=text, rules=(text,), before=f"{text} a", after="b"),
        Change(source=text, row=2, field="note", rules=("personal-data",), before="", after=text),
    ]
    return data_page(full_report(text), findings, dropped, changes, change_count=len(changes))


def test_every_kind_of_finding_has_a_heading():
    assert set(KINDS) == set(get_args(FindingKind))


def test_nothing_of_the_data_becomes_markup_and_unseen_characters_are_spelled_out():
    html = whole_page(NASTY)
    page = Page(html)
    assert page.all("script") == []
    assert page.all("img") == []
    assert not any(name.startswith("on") for _, found in page.elements for name in found)
    assert page.text.count(SPELLED) > 30
    assert "{{ 7*7 }}" in page.text
    assert "👩‍⚕️" in page.text  # the joiner inside an emoji stays
    assert not set(html) & set("\x00\x1b\u202e\u200b\ufeff\ud800")
    html.encode()  # a lone surrogate would refuse


def test_the_page_needs_no_network_and_runs_no_script():
    html = whole_page()
    page = Page(html)
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert all(link["href"].startswith("#") for link in page.all("a"))
    assert not page.all("link")
    assert "url(" not in html
    assert "http:" not in html
    assert "https:" not in html


@pytest.mark.parametrize("text", ["plain", NASTY, "a&b.csv"])
def test_every_link_leads_somewhere_and_no_id_stands_twice(text):
    page = Page(whole_page(text))
    ids = page.ids()
    assert len(ids) == len(set(ids))
    targets = {link["href"][1:] for link in page.all("a")}
    assert targets <= set(ids)
    assert {"conflict-1", "dropped-1", "change-1", "row-1"} <= targets
    labels = {found["aria-labelledby"] for _, found in page.elements if "aria-labelledby" in found}
    assert labels <= set(ids)


def test_a_row_links_to_everything_that_was_found_in_it():
    html = data_page(
        report_of(),
        [finding("conflict", rows=("n.csv row 10", "n.csv row 2")), finding("length")],
        [Dropped(source="n.csv", row=10, reason="exact duplicate", kept="n.csv row 2")],
        [],
        change_count=0,
    )
    rows = html[html.index('id="rows"') :]
    ten = rows[rows.index(">n.csv row 10<") :].partition("</tr>")[0]
    assert "#conflict-1" in ten
    assert "#dropped-1" in ten
    places = [rows.index(f">n.csv row {number}<") for number in (2, 3, 10)]
    assert places == sorted(places)


def test_the_summary_says_what_was_found_done_and_left_to_look_at():
    text = " ".join(Page(whole_page()).text.split())
    assert "120 rows were read; 112 became examples: 90 to learn from" in text
    assert "conflicts 2; personal data 900" in text
    assert "8 rows were dropped: 5 exact duplicate, 3 plain." in text
    assert "Texts were cleaned, by rule: mojibake 7." in text
    assert "Personal data were masked." in text
    assert "Examples of rare labels are repeated in train; validation and test are as" in text
    assert "Conflicts (2): decide which answer is right." in text
    assert "Doubling would add 0.050." in text
    assert "12 test examples prove a difference of 0.400 macro_f1 or more" in text


def test_a_clean_data_set_has_a_short_page():
    page = Page(data_page(report_of(), [], [], [], change_count=0))
    assert "The checks found nothing." in page.text
    assert "Nothing was dropped and nothing was changed." in page.text
    assert "Nothing needs your eye." in page.text
    assert {"balance", "fit", "size", "dropped", "changes", "rows"} & set(page.ids()) == set()


def test_long_lists_are_folded_and_cut_with_a_note():
    many = [finding("length", rows=(f"n.csv row {n}",)) for n in range(250)]
    page = Page(data_page(report_of(findings={"length": 1000}), many, [], [], change_count=0))
    shown = [name for name in page.ids() if name.startswith("length-") and name[7:].isdigit()]
    assert len(shown) == MOST_FINDINGS
    assert "190 more; the other 800 stand in findings.jsonl" in page.text


def test_a_change_is_told_word_by_word():
    assert _pieces("He took  5 mg\u200b daily.", "He took 5 mg daily.") == [
        ("same", "He took"), ("deleted", "␣␣"), ("inserted", "␣"), ("same", "5 mg"),
        ("deleted", "\u200b"), ("same", " daily."),
    ]  # fmt: skip
    assert _pieces("a\u00a0b", "a b")[1] == ("deleted", "[U+00A0]")
    assert _pieces("same", "same") == [("same", "same")]


def test_long_texts_keep_their_changed_places_only():
    before = "word " * 5000 + "colour " + "word " * 5000
    pieces = _pieces(before, before.replace("colour", "color"))
    assert [(each.kind, each.text) for each in pieces[1:3]] == [
        ("deleted", "colour"), ("inserted", "color"),
    ]  # fmt: skip
    assert sum(len(each.text) for each in pieces) < 300
    unlike = _pieces(" ".join(f"a{n}" for n in range(9000)), " ".join(f"b{n}" for n in range(9000)))
    assert [each.kind for each in unlike] == ["deleted", "inserted"]
    assert "more characters" in unlike[0].text


def test_deleted_and_inserted_text_can_be_heard_as_well_as_seen():
    change = Change(
        source="n.csv", row=1, field="note", rules=("html",), before="a<br>b", after="ab"
    )
    html = data_page(report_of(), [], [], [change], change_count=1)
    page = Page(html)
    assert page.all("del")
    assert "[deleted: <br>" in page.text or "[deleted: a<br>b" in page.text


def test_pictures_say_in_words_what_they_show():
    pictures = [svg["aria-label"] for svg in Page(whole_page()).all("svg")]
    assert pictures[0] == "input lengths in words: 0 to 9: 1; 10 to 19: 5; 20 to 89: 1"
    assert pictures[1].startswith("Learning curve, macro_f1: 0.400 after 22 examples")
    bars = _bars(Histogram(name="x", unit="words", edges=(0, 1, 3), counts=(0, 0)))
    assert [(each.label, each.height) for each in bars] == [("0", 0), ("1 to 2", 0)]


def test_a_curve_without_a_gain_or_intervals_is_drawn_too():
    points = tuple(CurvePoint(fraction=f, n=round(80 * f), score=0.5) for f in (0.25, 0.5, 0.75, 1))
    curve = LearningCurve(
        metric="rougeL", method="Tuned.", repeats=1, validation_examples=20, points=points,
        doubled=160, certain=False, conclusion="It cannot be told.",
    )  # fmt: skip
    page = Page(data_page(report_of(learning_curve=curve), [], [], [], change_count=0))
    assert "It cannot be told." in page.text
    assert "doubled" not in page.text
    assert page.all("circle")


def test_spelled_keeps_line_ends_and_tabs():
    assert spelled("a\n\tb\r") == "a\n\tb[U+000D]"


def test_the_same_arguments_give_the_same_bytes_under_any_hash_seed(tmp_path: Path):
    here = Path(__file__)
    script = (
        f"import sys; sys.path.insert(0, {str(here.parent)!r})\n"
        "import hashlib, test_page\n"
        "print(hashlib.sha256(test_page.whole_page('a&b').encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed}, cwd=here.parents[3],
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1
