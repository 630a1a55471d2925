"""Cleaning: repairs of texts, each named, counted by whoever calls, and switchable in the brief.

Reads texts, returns texts; writes nothing. A sound text comes back as it is: what may be meant
(superscripts, curly quotes, joiners of Arabic and Indic scripts, indented code, JSON) stays. A
check of about a microsecond decides what can need repair at all, as a million rows go through it.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from burnish.data.checks.html_remains import without_html
from burnish.records import CLEANING_RULES, CleaningRule

_MOST_PASSES = 50
"""A text that still changes after so many passes is nested on purpose, and left alone."""

_BUCKET = 10_000
"""Texts between two clearings of the counts of lines."""

_SAME_PLACE = 2 / 3
"""Share of its texts in which a boilerplate line stands equally far from the end or the start."""


class Cleaner:
    """Repairs texts by the chosen rules, in the order of `CLEANING_RULES`.

    Args:
        rules: which rules run.
        boilerplate: lines, as `find_boilerplate` returns them, that the rule of that name removes.
    """

    def __init__(
        self, rules: Sequence[CleaningRule], boilerplate: frozenset[str] = frozenset()
    ) -> None:
        self._boilerplate = boilerplate if "boilerplate" in rules else frozenset()
        repairs: dict[CleaningRule, Callable[[str], str]] = {
            "mojibake": _mojibake,
            "html": _html,
            "control": _control,
            "unicode": _unicode,
            "boilerplate": self._without_boilerplate,
            "whitespace": _whitespace,
        }
        self._repairs = [(rule, repairs[rule]) for rule in CLEANING_RULES if rule in rules]

    def clean(self, text: str) -> tuple[str, tuple[CleaningRule, ...]]:
        """The repaired text, and the rules that changed it, in their order.

        Cleaning the repaired text again changes nothing.
        """
        if _is_plain(text) and not (self._boilerplate and "\n" in text):
            return text, ()
        changed: set[CleaningRule] = set()
        repaired = text
        for _ in range(_MOST_PASSES):
            before = repaired
            for rule, repair in self._repairs:
                after = repair(repaired)
                if after != repaired:
                    changed.add(rule)
                    repaired = after
            if repaired == before:
                break
        else:
            return text, ()
        if repaired == text:
            return text, ()
        return repaired, tuple(rule for rule in CLEANING_RULES if rule in changed)

    def _without_boilerplate(self, text: str) -> str:
        """Without the lines found over the whole column; a text of nothing else is left alone."""
        if not self._boilerplate or "\n" not in text:
            return text
        lines = text.split("\n")
        kept = [line for line in lines if " ".join(line.split()) not in self._boilerplate]
        if len(kept) == len(lines) or not any(line.strip() for line in kept) or _is_json(text):
            return text
        return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")


def find_boilerplate(
    texts: Iterable[str], *, share: float = 0.5, least: int = 20
) -> frozenset[str]:
    """Lines that stand in at least `share` of a column's texts, and at least in `least` of them.

    Headings, list items, questions and short "name: value" lines are form, not boilerplate, and
    so is what stands now here, now there: a line counts where most of its texts have it at the
    same distance from their end or their start. Texts are read once; counts are kept by lossy
    counting (Manku & Motwani, VLDB 2002), whose error is one in 10,000 texts.

    Args:
        texts: of one column, as the rules before this one leave them.

    Returns:
        The lines, with runs of white space as one space.
    """
    counts: Counter[str] = Counter()
    places: dict[str, Counter[int]] = {}
    missed: dict[str, int] = {}
    rows = bucket = 0
    for rows, text in enumerate(texts, 1):
        if "\n" in text:
            for line, spots in _countable(text).items():
                if line not in places:
                    places[line], missed[line] = Counter(), bucket
                counts[line] += 1
                places[line].update(spots)
        if rows % _BUCKET == 0:
            bucket += 1
            for line in [line for line, n in counts.items() if n + missed[line] <= bucket]:
                del counts[line], places[line], missed[line]
    return frozenset(
        line
        for line, n in counts.items()
        if n + missed[line] >= max(least, share * rows)
        and max(places[line].values()) >= _SAME_PLACE * n
    )


_LISTED = re.compile(r"[-*•#|>{}\[\]]|(?:\d{1,3}|[A-Za-z])[.)]\s")
_NAMED_VALUE = re.compile(r"[^:]{1,40}:\s*\S+(?:\s+\S+){0,3}$")
_EDGE = 8


def _countable(text: str) -> dict[str, tuple[int, int]]:
    """Lines near an edge of the text that may be boilerplate, with their distance from its start
    (0, 1, …) and its end (-1, -2, …)."""
    lines = [folded for line in text.split("\n") if (folded := " ".join(line.split()))]
    if len(lines) < 2 or _is_json(text):
        return {}
    near = {*range(len(lines))[:_EDGE], *range(len(lines))[-_EDGE:]}
    return {lines[at]: (at, at - len(lines)) for at in sorted(near) if _may_be(lines[at])}


def _may_be(line: str) -> bool:
    """Whether a line may be boilerplate by its form: some words, or one long word in capitals."""
    if line[-1] in ":?" or _LISTED.match(line) or len(line) > 2000:
        return False
    words = line.split(" ")
    if len(words) < 3 and not (len(line) >= 8 and line.isupper()):
        return False
    return not _NAMED_VALUE.match(line)


def _is_plain(text: str) -> bool:
    """Beyond doubt nothing to repair: printable ASCII without markup, gaps or loose ends."""
    return (
        text.isascii()
        and text.replace("\n", "").isprintable()
        and "<" not in text
        and "&" not in text
        and "  " not in text
        and " \n" not in text
        and "\n\n\n" not in text
        and text[:1] not in (" ", "\n")
        and text[-1:] not in (" ", "\n")
    )


def _is_json(text: str) -> bool:
    """The whole text is a JSON object or list, whose characters are somebody's data."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "[") or stripped[-1:] not in ("}", "]"):
        return False
    try:
        json.loads(stripped)
    except (ValueError, RecursionError):
        return False
    return True


# Mojibake


def _mojibake(text: str) -> str:
    """ftfy's repair of encodings, line by line, as each may have come another way."""
    if text.isascii() or not _looks_bad(text):
        return text
    from ftfy import fix_encoding

    return "\n".join(fix_encoding(line) if _looks_bad(line) else line for line in text.split("\n"))


def _looks_bad(text: str) -> bool:
    """ftfy's heuristic, which costs half a microsecond a character, looking only at the characters
    its patterns are made of and the three on either side, as far as any pattern reaches."""
    suspect, is_bad = _heuristic()
    windows = [
        text[max(0, found.start() - 3) : found.end() + 3] for found in suspect.finditer(text)
    ]
    return bool(windows) and is_bad("\n".join(windows))


@cache
def _heuristic() -> tuple[re.Pattern[str], Callable[[str], bool]]:
    """Runs of the characters that occur in mojibake, and ftfy's own check."""
    from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad

    return re.compile(f"[{''.join(MOJIBAKE_CATEGORIES.values())}]+"), is_bad


# HTML


def _html(text: str) -> str:
    if ("<" not in text and "&" not in text) or _is_json(text):
        return text
    return without_html(text)


# Control characters

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u202d\u202e\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffc\ufffe"
    "\uffff]"
)
_FORMATS = re.compile(
    "[\u200b-\u200f\u061c\u202a-\u202c\u2066-\u2069\U000e0000-\U000e007f]"  # for a quick look
)
_ZERO_WIDTH_SPACE = re.compile(
    "(?<![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])\u200b+|\u200b+(?![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])"
)
_JOINER = re.compile("(?<![\u0590-\u1dff\u2190-\U0010ffff])[\u200c\u200d]+")
_TAG_CHARACTERS = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+")
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_DIRECTIONS = re.compile("[\u200e\u200f\u061c\u202a-\u202c\u2066-\u2069]")


def _control(text: str) -> str:
    """Without what no reader sees, but for the marks and joiners that some scripts and emoji need.

    Halves of surrogate pairs that found no partner become U+FFFD, as a character was there.
    """
    if text.replace("\n", "").isprintable():
        return text
    text = _LINE_END.sub("\n", _ESCAPE.sub("", text))
    text = _SURROGATES.sub(_joined_pair, text)
    text = _CONTROLS.sub("", text)
    if not _FORMATS.search(text):
        return text
    text = _ZERO_WIDTH_SPACE.sub("", text)
    text = _TAG_CHARACTERS.sub("", _JOINER.sub("", text))
    if not _RIGHT_TO_LEFT.search(text):
        return _DIRECTIONS.sub("", text)
    if "\u202a" not in text and "\u202b" not in text:
        return text.replace("\u202c", "")
    return text


def _joined_pair(found: re.Match[str]) -> str:
    if len(found[0]) == 1:
        return "\ufffd"
    return found[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


# Unicode

_LIGATURES = {
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl",
    "\ufb05": "st", "\ufb06": "st",
}  # fmt: skip
_UNUSUAL = re.compile("[\ufb00-\ufb06\u00ad\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_IDEOGRAPHIC = re.compile("(?<![\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef])\u3000(?![\u2e80-\u9fff])")


def _unicode(text: str) -> str:
    """Canonical composition (NFC), Latin ligatures apart, every kind of space as a space.

    Compatibility characters such as "m²" or "µ" stay, and so does the wide space of East Asian
    text.
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    if not _UNUSUAL.search(text):
        return text
    text = _IDEOGRAPHIC.sub(" ", text)
    return _UNUSUAL.sub(_usual, text)


def _usual(found: re.Match[str]) -> str:
    character = found[0]
    if character in ("\u00ad", "\u3000"):
        return "" if character == "\u00ad" else character
    return _LIGATURES.get(character, " ")


# White space

_FENCED = re.compile(r"(^[ \t]*(?:```|~~~).*?(?:^[ \t]*(?:```|~~~)[ \t]*$|\Z))", re.DOTALL | re.M)
_TRAILING = re.compile(r"[ \t]+(?=\n|\Z)")
_GAP = re.compile(r"(?<=\S)(?:\t* [ \t]+|\t+ [ \t]*)(?=\S)")
_EMPTY_LINES = re.compile(r"\n{3,}")


def _whitespace(text: str) -> str:
    """Without trailing blanks, runs of blanks and further empty lines, but as it is in code.

    Fenced blocks, indented lines, runs of tabs (empty cells of a table) and JSON are laid out on
    purpose.
    """
    if not ("  " in text or "\t" in text or "\n" in text or text != text.strip(" ")):
        return text
    if _is_json(text):
        return text
    pieces = _FENCED.split(text) if "```" in text or "~~~" in text else [text]
    pieces[::2] = [_tidied(piece) for piece in pieces[::2]]
    return "".join(pieces).strip(" \t\n")


def _tidied(text: str) -> str:
    text = _TRAILING.sub("", text)
    if "  " in text or "\t" in text:
        lines = text.split("\n")
        text = "\n".join(
            line if line[:1] in (" ", "\t") else _GAP.sub(_gap, line) for line in lines
        )
    return _EMPTY_LINES.sub("\n\n", text)


def _gap(found: re.Match[str]) -> str:
    return "\t" if "\t" in found[0] else " "
