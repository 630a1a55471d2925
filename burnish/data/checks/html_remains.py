"""HTML remains: tags, comments, scripts and entities that came along with a text.

Reads and writes nothing but the text it is given. It would rather leave a remain than eat what was
meant: only names that HTML defines count, only in a text with a sure sign of HTML, and never in
code, in a whole document or in a text that speaks of HTML or XML.
"""

import html
import re
from collections.abc import Callable
from html.entities import name2codepoint

_BREAKS = "address article aside blockquote body br caption center dd details div dl dt fieldset "
_BREAKS += "figcaption figure footer form frame frameset head header hr html iframe li main nav "
_BREAKS += "noscript ol option section select summary table tbody td tfoot th thead title tr ul"
_PARAGRAPHS = "p h1 h2 h3 h4 h5 h6"
_INLINE = "a abbr acronym area audio b base basefont bdi bdo big button cite code col colgroup del "
_INLINE += "dfn em embed font i img input ins label legend link map mark meta o:p object output "
_INLINE += "param picture pre q s samp script small source span strike strong style sub sup svg "
_INLINE += "textarea time track tt u var video wbr"
_ENDS_LINE = frozenset(_BREAKS.split())
_ENDS_PARAGRAPH = frozenset(_PARAGRAPHS.split())
_NAMES = _ENDS_LINE | _ENDS_PARAGRAPH | frozenset(_INLINE.split())

_VALUE = r"""(?:"[^"]{0,4000}"|'[^']{0,4000}'|[^\s"'<>]{1,2000})"""
_ATTRIBUTE = rf"\s+[\w:@.-]{{1,60}}\s*=\s*{_VALUE}"
_FLAG = r"\s+(?:checked|selected|disabled|hidden|required|nowrap|noshade|controls|async|defer)"
_TAG = re.compile(
    rf"<(?P<close>/?)(?P<name>[a-z][a-z0-9:]{{0,15}})(?P<attributes>(?:{_ATTRIBUTE}|{_FLAG})*)"
    r"\s*/?>",
    re.IGNORECASE,
)
_SECTION = re.compile(
    r"<!--.{0,20000}?-->|<(?P<name>script|style)\b[^<>]{0,500}>.{0,40000}?</(?P=name)\s*>",
    re.IGNORECASE | re.DOTALL,
)
_ANY_TAG = re.compile(r"</?([A-Za-z][\w:.-]{0,60})\s*/?>")
_VOID = ("br", "hr", "img")
_RAISED = re.compile(r"<(?P<name>su[bp])>(?P<inside>[^<>]{1,30})</(?P=name)>", re.IGNORECASE)
_SUPERSCRIPTS = dict(zip("0123456789+-−()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾", strict=True))
_SUBSCRIPTS = dict(zip("0123456789+-−()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₍₎", strict=True))
_CODE = re.compile(r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]+`)", re.DOTALL)
_DOCUMENT = re.compile(r"\s*<(?:!doctype|html|\?xml|svg)\b", re.IGNORECASE)
_ABOUT = re.compile(
    r"(?<![./\w-])(?:x?html\d?|xml|markup)\b|>['\"]?\s+(?:tag|element|attribute)s?\b|"
    r"\b(?:tag|element)s?\s+['\"]?</?[a-z]",
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"(?P<code>[=(,*]\s*)?&(?:amp;)*(?P<entity>(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8}[1-4]{0,2});)",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"[A-Za-z]{1,2}(?:acute|grave|uml|circ|tilde|cedil|ring|slash|lig|caron)")
_SIGNS = "amp lt gt quot apos nbsp lsquo rsquo sbquo ldquo rdquo bdquo ndash mdash hellip bull "
_SIGNS += "middot laquo raquo copy reg trade deg euro pound cent yen sect para plusmn frac12 "
_SIGNS += "frac14 frac34 times divide micro sup1 sup2 sup3 iexcl iquest szlig ensp emsp thinsp "
_SIGNS += "zwnj zwj shy"
_PLAIN = frozenset(_SIGNS.split())


def without_html(text: str) -> str:
    """The text without HTML remains; line breaks stand where block elements ended lines.

    Entities become their characters, doubly escaped ones too. Code between backticks stays.
    """
    if _DOCUMENT.match(text) or _ABOUT.search(text):
        return text
    pieces = _CODE.split(text) if "`" in text or "~~~" in text else [text]
    prose = "\n".join(pieces[::2])
    if "<" in prose:
        remove = _remover(prose)
        if remove is not None:
            pieces[::2] = [remove(piece) for piece in pieces[::2]]
            stripped = "".join(pieces).strip(" \t\n")
            if stripped != text:
                return stripped
    if "&" in prose:
        pieces[::2] = [_ENTITY.sub(_character, piece) for piece in pieces[::2]]
    return "".join(pieces)


def _remover(prose: str) -> Callable[[str], str] | None:
    """What takes the tags out of a piece, or None where the text has no sure sign of HTML."""
    if any(tag.casefold() not in _NAMES for tag in _ANY_TAG.findall(prose)):
        return None
    tags = [tag for tag in _TAG.finditer(prose) if tag["name"].lower() in _NAMES]
    closed = {tag["name"].lower() for tag in tags if tag["close"]}
    sure = closed or any(tag["attributes"] or tag["name"].lower() in _VOID for tag in tags)
    if not sure and not _SECTION.search(prose):
        return None

    def is_remain(tag: re.Match[str]) -> bool:
        """Not the `<a>` of `Box<a>`: a bare tag of one letter counts where it is closed as well,
        and `<p>` where no word stands right before it."""
        name = tag["name"].lower()
        if tag["close"] or tag["attributes"] or name in closed or len(name) > 1:
            return name in _NAMES
        return name == "p" and not tag.string[: tag.start()][-1:].isalnum()

    return lambda piece: _without_tags(_RAISED.sub(_raised, _SECTION.sub("", piece)), is_remain)


def _raised(found: re.Match[str]) -> str:
    """Superscripts and subscripts as such where Unicode has them: 10<sup>3</sup> is not 103."""
    inside, name = found["inside"].strip(), found["name"].lower()
    digits = _SUPERSCRIPTS if name == "sup" else _SUBSCRIPTS
    if all(character in digits for character in inside):
        return "".join(digits[character] for character in inside)
    return inside if inside.isalpha() or name == "sub" else f"^({inside})"


def _without_tags(text: str, is_remain: Callable[[re.Match[str]], bool]) -> str:
    """The text with runs of block tags as one line break, or an empty line after a paragraph."""
    lines: list[tuple[str, list[str]]] = []
    line, position = "", 0
    for tag in _TAG.finditer(text):
        if not is_remain(tag):
            continue
        line += text[position : tag.start()]
        position = tag.end()
        name = tag["name"].lower()
        if name not in _ENDS_LINE and name not in _ENDS_PARAGRAPH:
            continue
        if lines and not line.strip():
            lines[-1][1].append(name)
        else:
            lines.append((line.lstrip() if lines else line, [name]))
        line = ""
    line += text[position:]
    whole = ""
    for before, ends in lines:
        wide = ends.count("br") > 1 or not _ENDS_PARAGRAPH.isdisjoint(ends)
        whole += before.rstrip() + ("\n\n" if wide else "\n")
    return whole + (line.lstrip() if lines else line)


def _character(found: re.Match[str]) -> str:
    """The character an entity stands for; `= &sum;` in code is an address, not a sum."""
    entity = found["entity"]
    name = entity[:-1]
    if not name.startswith("#"):
        known = name in _PLAIN or (_LETTERS.fullmatch(name) and name in name2codepoint)
        if not known and (name not in name2codepoint or found["code"]):
            return found[0]
    character = html.unescape("&" + entity)
    return found[0] if character.startswith("&#") else (found["code"] or "") + character
