"""HTML remains go, and what only looks like HTML stays to the letter."""

import pytest

from burnish.data.checks.html_remains import without_html


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Hello<br>World", "Hello\nWorld"),
        ("<br>\nline<br />\nnext<BR><br>last", "line\nnext\n\nlast"),
        ("<p>Dear all,</p>\n<p>see <a href='http://x.y?a=1'>it</a></p>", "Dear all,\n\nsee it"),
        ("<ul><li>one</li>\n<li>two</li></ul>", "one\ntwo"),
        ('<div class="x">hi</div><!-- gone --><script>if (a<b) go()</script> there', "hi\nthere"),
        ("<b>bold</b>, <SPAN style='color:red'>red</SPAN><o:p></o:p>", "bold, red"),
        ("10<sup>3</sup>, 1<sup>st</sup>, x<sup>n-1</sup>", "10³, 1st, x^(n-1)"),
        ("H<sub>2</sub>O, x<sub>i</sub>", "H₂O, xi"),
        ("caf&eacute; &ndash; &#8217;tis &#x27;it&#x27; &amp; more", "café – ’tis 'it' & more"),
        ("<b>two</b> <i>words</i> <br> and `code` <br> more", "two words\nand `code`\nmore"),
        ("AT&amp;amp;T", "AT&T"),
        ("a Box<a>, a Set<p> and <i>more</i>", "a Box<a>, a Set<p> and more"),
        ("dose &lt; 5 mg &alpha;", "dose < 5 mg α"),
        ("keep `<b>` and\n```\n<p>code</p>\n```\nbut not <i>this</i>",
         "keep `<b>` and\n```\n<p>code</p>\n```\nbut not this"),
    ],
)  # fmt: skip
def test_remains_go(text: str, clean: str) -> None:
    assert without_html(text) == clean
    assert without_html(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d; a <b and c> d; if (a <i && b> c)",
        "I <3 you, x<-1, <or =5 lesions, PV<or = 1.80 mPa s; P>0.5",
        "List<int>, Map<String, List<int>>, Box<a>, Vec<T>, size_of::<T>()",
        "Find the index of <p> in S_5.",
        "Fill in the <mask>; Dear <name>, <br> hello",
        "<note><to>Tove</to></note>",
        "<!DOCTYPE html>\n<html><body><p>A page</p></body></html>",
        '<?xml version="1.0"?><p>x</p>',
        "What does the <br> tag do? Use <b>this</b>.",
        "Turn this HTML into Markdown: <p>hi</p>",
        "Write to <jo@x.org> or see <https://x.org/a>.",
        "Press <kbd>Ctrl</kbd>+<kbd>C</kbd>",
        "Ben & Jerry; R&D; AT&T; 1&2; &foo; &copy 2020; x?a=1&lt=2",
        "int *p = &sum; f(&int;",
        "",
    ],
)
def test_what_was_meant_stays(text: str) -> None:
    assert without_html(text) == text


def test_hostile_text_takes_no_time() -> None:
    for piece in ("<a href=", "<b ", "<!--", "<script>", "&amp;", '<a x="', "<a x=y ", "``"):
        without_html(piece * (50_000 // len(piece)))
