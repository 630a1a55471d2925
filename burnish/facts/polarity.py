"""What is said to be there and what is denied: English clauses, and questions with their answers.

Reads tokens; writes nothing. The rules are those of negation detectors for clinical English such as
NegEx (Chapman et al. 2001) and ConText (Harkema et al. 2009): words that deny, how far they reach,
and what ends their reach. Dialogues add one: a question says nothing until it is answered.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from burnish.facts.concepts import concept, plain, tells
from burnish.facts.wording import Token, set_of

Polarity = Literal["present", "absent"]

_DENIALS = set_of(
    "no not denies denied deny denying without never negative none nor neither absent nope lacks "
    "nothing nobody non unaware forbid forbids forbidden"
)
_DENIES = set_of("deny denies denied denying negative")
"""What stands before them is who denies, and their reach is a whole list ("denies pain, fever")."""

_AFTERWARDS = set_of("none negative denied denies absent")
"""They may deny what stands before them ("Fever: none", "Alcohol: denies")."""

_UNABLE = set_of("can't cannot couldn't won't wouldn't shouldn't unable")
"""They deny an ability, which often means that a complaint is there ("I can't sleep")."""

_YES = set_of(
    "yes yeah yep yup ya sure correct absolutely definitely right certainly exactly unfortunately "
    "sometimes occasionally often several"
)
_FINE = set_of(
    "problem problems issue issues trouble troubles complaint complaints worries concerns"
)
"""After "no" they answer nothing: "Is he eating?" "No problems." """
_NO = set_of("no nope nah never none not nothing negative neither")
_HEDGES = set_of("know remember sure recall certain idea unsure")
_WHICH = set_of("how what when where why who which what's where's")
_SUPPOSES = set_of("long often bad severe frequently")
"""After "how", in a question that takes its matter for given ("how long have you had it?")."""

_ASKING = set_of("do does did have has had are is was were any")
_ASKED = set_of("you your he she they his her their the there any ever it")

_TURNS = set_of("but however except although though reports reported complains admits positive")
"""They end a denial: what follows is affirmed."""

_TURNS_AFTER_PAUSE = set_of("i he she they we patient has have had is are was were takes just only")
"""They do so after a comma or "and" ("no fever, has cough"; but "no one is ill")."""

_STATES = set_of(
    "has had have does did do reports reported admits positive complains complaining endorses"
)
"""They affirm what follows in so many words."""

_OPENS = set_of("if unless whether asked quit quits quitting stopped stop former formerly ex used")
"""What follows may be, or was and is no more: neither affirmed nor denied."""

_ENDS = set_of("who which will because since until when than so secondary")
"""They end a denial, and what follows is left open."""

_REACH = {"not": 5, "never": 6, "without": 7, "non": 3, "nothing": 4}
"""Most tokens over which a denial holds; else 12, and 7 after "n't"."""


_PARTS = frozenset([",", ";", "and", "or", "nor", "any", "like", "as", "with"])


class Statement(NamedTuple):
    """Words that one clause, or a question with its answer, affirms or denies.

    Attributes:
        asked: it was asked for and answered.
        stated: it is affirmed in so many words ("has a cough"), not merely mentioned.
    """

    polarity: Polarity
    told: tuple[Token, ...]
    asked: bool = False
    stated: bool = False


def is_denial(token: Token) -> bool:
    """Whether a word denies what follows it: "no", "denies", "doesn't"."""
    word = plain(token)
    return word in _DENIALS or (word.endswith("n't") and word not in _UNABLE)


def statements(tokens: Sequence[Token], *, questions: bool = True) -> Iterator[list[Statement]]:
    """What each sentence affirms and denies; a question counts together with its answer.

    A denial holds for the words after it until the sentence ends or turns, and for those before it
    where none come after ("Fever: none"). A question says nothing by itself; what its answer begins
    with ("No.", "Yeah") decides, except about words that the answer itself takes up.

    Args:
        questions: take questions with their answers; else leave them out.
    """
    sentences = _sentences(tokens)
    for at, (line, sentence) in enumerate(sentences):
        reply = _reply_to(sentences, at, line) if questions else []
        said: list[Statement] = []
        if sentence[-1].text == "?" or (_is_question(sentence) and any(map(_polarity, reply[:1]))):
            said = list(_answered(sentence, reply))
        elif not questions:
            said = list(_said(sentence))
        elif len(sentence) > 2:  # a word alone says nothing
            said = list(_said(_without_reply(sentence)))
        if said:
            yield said


def items_of(
    told: Sequence[Token], tokens: Sequence[Token], places: Mapping[int, int]
) -> list[list[Token]]:
    """Words that stand together: commas and conjunctions part the items of a list.

    Args:
        told: words of a statement.
        tokens: all tokens of the text.
        places: place in the text → place among the tokens.
    """
    items = [[told[0]]]
    for before, token in pairwise(told):
        between = tokens[places[before.at] + 1 : places[token.at]]
        if any(other.text.casefold() in _PARTS for other in between):
            items.append([])
        items[-1].append(token)
    return items


def _sentences(tokens: Sequence[Token]) -> list[tuple[int, list[Token]]]:
    """Sentences with the number of their line; a speaker's name before a colon is no part."""
    sentences: list[tuple[int, list[Token]]] = []
    line, sentence = 0, list[Token]()
    for token in tokens:
        if token.text == ":" and len(sentence) <= 3:
            sentence = []
            continue
        if token.text != "\n":
            sentence.append(token)
        if token.text in ".!?;|\n" and sentence:
            sentences.append((line, sentence))
            sentence = []
        line += token.text == "\n"
    return [*sentences, (line, sentence)] if sentence else sentences


def _reply_to(
    sentences: Sequence[tuple[int, list[Token]]], at: int, line: int
) -> list[list[Token]]:
    """The first sentences of the next line; on the same line, the next that is no question."""
    after = sentences[at + 1 : at + 6]
    later = [(number, sentence) for number, sentence in after if number > line]
    if later:
        return [sentence for number, sentence in later if number == later[0][0]][:2]
    return [sentence for _, sentence in after if sentence[-1].text != "?"][:1]


def _is_question(sentence: Sequence[Token]) -> bool:
    """Whether a sentence asks, though it ends with a full stop: "Do you smoke."."""
    words = [plain(token) for token in sentence[:3]]
    return len(words) > 2 and words[0] in _ASKING and bool(_ASKED & set(words[1:]))


def _without_reply(sentence: Sequence[Token]) -> Sequence[Token]:
    """The sentence after an answer that begins it: "No, I'm unemployed" denies nothing."""
    replies = plain(sentence[0]) in _NO and sentence[1].text == ","
    return sentence[2:] if replies else sentence


def _answered(question: Sequence[Token], reply: Sequence[list[Token]]) -> Iterator[Statement]:
    """What a question and its answer say together."""
    if not reply or reply[0][-1].text == "?" or _asks_which(question):
        return
    first, polarity = reply[0], _polarity(reply[0])
    if polarity is None and len(reply) > 1 and not any(map(tells, first)):
        first, polarity = reply[1], _polarity(reply[1])
    if _supposes(question) and polarity != "absent":
        polarity = None if _hedged(first) else "present"
    if polarity is None:
        return
    own = {concept(token.text) for said in _said(_without_reply(first)) for token in said.told}
    inner = {token for said in _said(question) for token in said.told if said.polarity == "absent"}
    told = [token for token in question if tells(token) and concept(token.text) not in own]
    absent = tuple(token for token in told if polarity == "absent" or token in inner)
    present = tuple(token for token in told if token not in absent)
    if absent:
        yield Statement("absent", absent, asked=True)
    if present:
        yield Statement("present", present, asked=True)


def _asks_which(sentence: Sequence[Token]) -> bool:
    """Whether yes or no would be no answer ("what helps", but not "how about")."""
    words = [plain(token) for token in sentence]
    which = any(word in _WHICH and after != "about" for word, after in pairwise(words))
    return which and not _supposes(sentence)


def _supposes(sentence: Sequence[Token]) -> bool:
    words = [plain(token) for token in sentence]
    return any(word == "how" and after in _SUPPOSES for word, after in pairwise(words))


def _hedged(sentence: Sequence[Token]) -> bool:
    return bool(_HEDGES & {plain(token) for token in sentence[:8]})


def _polarity(reply: Sequence[Token]) -> Polarity | None:
    """What the beginning of an answer says to a question; None where it may say anything."""
    words = [plain(token) for token in reply[:9]]
    for at, word in enumerate(words[:5]):
        after = words[at + 1 :]
        if word in _NO or (word.endswith("n't") and word not in _UNABLE):
            if "of" in after or {"think", "believe", "noticed"} & set(after):
                return "absent"  # "not that I know of", "I don't think so"
            fine = word == "no" and bool(_FINE & set(after[:2]))
            return None if fine or _HEDGES & set(after[:3]) else "absent"
        if word in _YES and at < 3:
            return "absent" if "not" in after[:2] else "present"
        if word in ("do", "have", "am", "did", "has", "does") and after[:1] in ([","], ["."]):
            return "present"
    return None


def _said(sentence: Sequence[Token]) -> Iterator[Statement]:
    """What a sentence affirms and denies by itself, in its order."""
    mode: Polarity | None = "present"
    told: list[Token] = []
    left, paused, stated, lists = 0, False, False, True
    clause = 0  # how many words were told when the last comma or "and" came
    for at, token in enumerate(sentence):
        word = plain(token)
        new, cut = mode, False
        if word == "negative" and not _denies_by_result(sentence, at):
            new = None
        elif is_denial(token):
            if word in _AFTERWARDS and told and not any(map(tells, sentence[at + 1 :])):
                yield Statement("absent", tuple(told))
                return
            if word in _DENIES:
                told = told[:clause]
            lists = word in _DENIES or _lists(sentence[at + 1 :])
            new, cut, paused = "absent", True, False
            left = _REACH.get(word, 7 if word.endswith("n't") else 12)
        elif word in _UNABLE or word in _OPENS or (word in _ENDS and mode == "absent"):
            new = None
        elif word in _TURNS or (word in _TURNS_AFTER_PAUSE and paused):
            new, cut, paused = "present", True, False
        elif word == "," and mode == "absent" and not lists:
            new = None
        elif word in (",", "and"):
            paused, clause = True, len(told)
        elif word in ("any", "either", "or", "nor") and mode == "absent":
            left = max(left, 6)
        elif mode == "absent" and left <= 0 and tells(token):
            new = None
        states = new == "present" and _states(sentence, at)
        if cut or new != mode or states:
            if told and mode is not None:
                yield Statement(mode, tuple(told), stated=stated)
            told, clause = [], 0
        stated = states or (stated and new == "present" and not cut)
        mode = new
        if word.startswith(("nonsmok", "nondrink")):
            yield Statement("absent", (token,))
        elif mode is not None and tells(token) and not is_denial(token):
            told.append(token)
        left -= 1
    if told and mode is not None:
        yield Statement(mode, tuple(told), stated=stated)


def _lists(after: Sequence[Token]) -> bool:
    """Whether a denial reaches over commas: "no fever, chills or cough", not "no fever, calm"."""
    words = [plain(token) for token in after[:25]]
    end = next((at for at, word in enumerate(words) if word in _TURNS or word in _ENDS), 25)
    return bool({"or", "nor"} & set(words[:end]))


def _states(sentence: Sequence[Token], at: int) -> bool:
    """Whether a finding is affirmed in so many words from here on: "has", "there is", "reports"."""
    word, before = plain(sentence[at]), plain(sentence[at - 1]) if at else ""
    return word in _STATES or (before == "there" and word in ("is", "are", "was", "were"))


def _denies_by_result(sentence: Sequence[Token], at: int) -> bool:
    """ "negative for blood" and "the test was negative" deny; "a negative test" does not."""
    after = sentence[at + 1 :]
    return not any(map(tells, after[:2])) or plain(after[0]) == "for"
