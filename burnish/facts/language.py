"""The language of a text, told from its script and its commonest words.

Reads texts, writes nothing. A guess for tables of slices, not for anything that decides.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

_LOOKED_AT = 2000  # characters of a text
_LEAST_LETTERS = 3
_LEAST_WORDS = 2  # stop words that tell a language apart

_SCRIPTS = {
    "ARABIC": "Arabic script", "ARMENIAN": "Armenian", "BENGALI": "Bengali",
    "CYRILLIC": "Cyrillic script", "DEVANAGARI": "Devanagari script", "ETHIOPIC": "Amharic",
    "GEORGIAN": "Georgian", "GREEK": "Greek", "GUJARATI": "Gujarati", "HANGUL": "Korean",
    "HEBREW": "Hebrew", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "CJK": "Chinese",
    "KHMER": "Khmer", "LATIN": "Latin script", "MYANMAR": "Burmese", "TAMIL": "Tamil",
    "TELUGU": "Telugu", "THAI": "Thai",
}  # fmt: skip
_STOP_WORDS = {
    "English": "the and is are was were of to with that this for not you it have has from his her "
    "what how my can do i no so but if be at on by or they she he we your an as would there",
    "German": "der die das und ist nicht mit ein eine einen dem den des zu auf für von im sich ich "
    "wir sie er es auch als wie war sind hat haben bei nach oder wird über",
    "French": "le la les et est pas une des du dans que qui pour avec sur je vous nous il elle ce "
    "cette au aux par sont été être mais ou plus ne sa ses",
    "Spanish": "el la los las y es no una un del de que en por para con se su al lo como más pero "
    "sus le ya este sí porque está muy son fue ha",
    "Italian": "il lo gli le e è non una un di del della che in per con si su al come più ma sono "
    "ha questo anche dei delle nel alla da mi",
    "Portuguese": "o os as e é não uma um do da dos das que em por para com se no na ao como mais "
    "mas seu sua são foi está eu você muito",
    "Dutch": "de het een en is niet van met dat die op voor te zijn aan ik je er maar om ook bij "
    "naar uit door over wordt heeft was hij zij wij",
    "Swedish": "och är inte en ett det som för med på av att den till har jag de om var men ett så "
    "från kan vi han hon du",
    "Polish": "i w nie na się z do to jest że jak o po co od dla przez za ale był są czy tak już "
    "może który",
    "Turkish": "ve bir bu için ile de da ne o çok gibi daha olarak ama var değil mi ben sen kadar "
    "olan sonra",
}  # fmt: skip
_KNOWN = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
_WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """The language ("English"), or the script where words do not tell ("Cyrillic script").

    Returns:
        "" where a text has fewer than three letters, or Latin ones without two common words of
        one language more than of any other.
    """
    words = _WORD.findall(text[:_LOOKED_AT])
    scripts = _scripts("".join(words))
    if scripts.total() < _LEAST_LETTERS:
        return ""
    name = scripts.most_common(1)[0][0]
    if name == "Chinese" and 10 * scripts["Japanese"] >= scripts.total():
        return "Japanese"
    return _latin(words) if name == "Latin script" else name


def _scripts(letters: str) -> Counter[str]:
    if letters.isascii():
        return Counter({"Latin script": len(letters)} if letters else {})
    counts: Counter[str] = Counter()
    for letter, times in Counter(letters).items():
        counts[_script(letter)] += times
    return counts


@lru_cache(maxsize=10_000)
def _script(letter: str) -> str:
    first = unicodedata.name(letter, "").partition(" ")[0]
    return _SCRIPTS.get(first, "another script")


def _latin(words: list[str]) -> str:
    """The language whose common words come more often than any other's, by two at least.

    Of words that several languages share, each language has its part.
    """
    counts = Counter(word.lower() for word in words)
    found = {
        language: sum(counts[word] for word in known & counts.keys())
        for language, known in _KNOWN.items()
    }
    first, second = sorted(found, key=lambda language: (-found[language], language))[:2]
    if found[first] < found[second] + _LEAST_WORDS:
        return ""
    return first
