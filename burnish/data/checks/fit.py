"""Fit to the model: how long the examples are in its tokens, and what its tokenizer cannot spell.

Reads examples and a renderer, writes nothing. Lengths are those of the whole rendered prompt and
answer, before anything is cut.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from burnish.chat.render import Renderer
from burnish.data.examples import excerpt, place
from burnish.records import Example, Finding
from burnish.records.data_checks import CostlyWord, Cut, Histogram, TokenFit

LIMITS = (256, 512, 1024, 2048, 4096)
"""Usual limits of length, in tokens."""

MOST_WORDS = 20
"""Costly words that are kept."""

_NO_LIMIT = 1 << 40
_COSTLY = 0.5  # tokens a character; English has about 0.22
_MOST_LOOKED_AT = 50_000  # different words, the most frequent
_LONGEST_WORD = 60  # characters; what is longer is no word
_WRITTEN = re.compile(r"[^\W\d_]|[^\x00-\x7f]")  # a letter, or a sign beyond ASCII
_DIGIT = re.compile(r"\d")
_BARS = 20


def token_fit(
    lengths: Sequence[tuple[int, int]],
    limits: Sequence[int] = LIMITS,
    *,
    max_length: int,
    costly: Sequence[CostlyWord] = (),
    tokens_per_second: float | None = None,
) -> TokenFit:
    """Percentiles of length, what each limit would cut, and the tokens of an epoch.

    Args:
        lengths: (prompt tokens, answer tokens) of each example, as `measure` gives them.
        max_length: tokens of prompt and answer together that training keeps.
        costly: as `costly_words` gives them.
        tokens_per_second: of training on this machine, where a run has measured it.
    """
    table = np.array(lengths, dtype=np.int64).reshape(-1, 2)
    total = table.sum(axis=1)
    cuts = []
    for limit in sorted({*limits, max_length}):
        n = int((total > limit).sum())
        cuts.append(Cut(limit=limit, n=n, share=n / max(1, len(total))))
    tokens = int(np.minimum(total, max_length).sum())
    return TokenFit(
        n=len(total),
        max_length=max_length,
        prompt=_percentiles(table[:, 0]),
        answer=_percentiles(table[:, 1]),
        total=_percentiles(total),
        cuts=tuple(cuts),
        tokens_per_epoch=tokens,
        tokens_per_second=tokens_per_second,
        seconds_per_epoch=tokens / tokens_per_second if tokens_per_second else None,
        costly=tuple(costly),
    )


def measure(renderer: Renderer, examples: Iterable[Example]) -> list[tuple[int, int]]:
    """(prompt tokens, answer tokens with the end token) of each example, with nothing cut."""
    whole = Renderer(renderer.tokenizer, renderer.task, max_length=_NO_LIMIT)
    return [
        (len(whole.prompt(each, answer_tokens=0).ids), len(whole.answer_ids(each.answer)))
        for each in examples
    ]


def costly_words(renderer: Renderer, examples: Iterable[Example]) -> tuple[CostlyWord, ...]:
    """The 20 words that take most tokens a character, from half a token on; then the frequent.

    What holds a digit or is punctuation is left out: many tokenizers spell these by single signs.
    Signs that the tokenizer does not know at all come first.
    """
    counts: Counter[str] = Counter()
    for example in examples:
        turns = (turn.content for turn in example.history)
        for text in (*turns, *example.inputs.values(), example.answer):
            counts.update(word for word in text.split() if len(word) <= _LONGEST_WORD)
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    tokenizer = renderer.tokenizer
    unknown = getattr(tokenizer, "unk_token_id", None)
    specials = set(tokenizer.all_special_tokens)
    words = []
    for word, times in frequent[:_MOST_LOOKED_AT]:
        if not _WRITTEN.search(word) or _DIGIT.search(word) or word in specials:
            continue
        ids = tokenizer(" " + word, add_special_tokens=False)["input_ids"]
        lost = unknown is not None and unknown in ids
        if lost or (len(ids) >= _COSTLY * len(word) and len(ids) > 1):
            words.append(
                CostlyWord(
                    word=word, tokens=len(ids), characters=len(word), times=times, unknown=lost
                )
            )
    words.sort(key=lambda w: (not w.unknown, -w.tokens / w.characters, -w.times, w.word))
    return tuple(words[:MOST_WORDS])


def too_long(
    examples: Sequence[Example], lengths: Sequence[tuple[int, int]], max_length: int
) -> list[Finding]:
    """A finding for each example beyond `max_length`; the score is the share of tokens cut off.

    The input is what training cuts. Where the answer alone reaches the limit nothing of the
    example can be learned, and dropping it is suggested.
    """
    findings = []
    for example, (prompt, answer) in zip(examples, lengths, strict=True):
        total = prompt + answer
        if total <= max_length:
            continue
        hopeless = answer >= max_length
        so = (
            "the answer alone does not fit, so the example cannot be learned from"
            if hopeless
            else f"the last {total - max_length:,} tokens of its longest input are cut"
        )
        findings.append(
            Finding(
                kind="length",
                rows=(place(example),),
                ids=(example.id,),
                text=excerpt(example),
                score=1.0 if hopeless else 1 - max_length / total,
                reason=f"{prompt:,} prompt and {answer:,} answer tokens exceed max_length "
                f"({max_length:,}): {so}.",
                suggestion="drop" if hopeless else "",
            )
        )
    return sorted(findings, key=lambda finding: (-finding.score, finding.text, finding.ids))


def length_histograms(examples: Iterable[Example]) -> tuple[Histogram, ...]:
    """Words of the inputs and, where they are not labels, of the answers, in at most 21 bars."""
    inputs, answers, labelled = [], [], False
    for example in examples:
        turns = (turn.content for turn in example.history if turn.role != "system")
        inputs.append(sum(len(text.split()) for text in (*turns, *example.inputs.values())))
        answers.append(len(example.answer.split()))
        labelled = labelled or bool(example.labels)
    if not inputs:
        return ()
    found = [_histogram("input", inputs)]
    if not labelled:
        found.append(_histogram("answer", answers))
    return tuple(found)


def _percentiles(values: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> dict[str, int]:
    """Percentiles that some example has; all 0 without examples."""
    if not len(values):
        values = np.zeros(1, dtype=np.int64)
    found = {
        f"p{percent}": int(np.percentile(values, percent, method="inverted_cdf"))
        for percent in (50, 90, 95, 99)
    }
    return found | {"max": int(values.max())}


def _histogram(name: str, values: Sequence[int]) -> Histogram:
    """Bars of a round width from 0 to the 99th percentile; one more for what lies beyond."""
    usual = int(np.percentile(values, 99, method="inverted_cdf"))
    rough = max(1.0, (usual + 1) / _BARS)
    magnitude = 10 ** int(math.log10(rough))
    width = next(size for step in (1, 2, 5, 10) if (size := step * magnitude) >= rough)
    bars = usual // width + 1
    edges = [width * bar for bar in range(bars + 1)]
    counts = Counter(min(value // width, bars) for value in values)
    if counts[bars]:
        edges.append(max(values) + 1)
    return Histogram(
        name=name,
        unit="words",
        edges=tuple(edges),
        counts=tuple(counts[bar] for bar in range(len(edges) - 1)),
    )
