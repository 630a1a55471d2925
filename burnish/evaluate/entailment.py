"""Entailment: which sentences of an answer its input entails, and which it contradicts.

Natural language inference as SummaC uses it (Laban et al. 2022, https://arxiv.org/abs/2111.09525):
every sentence of an answer is held against the input, window by window where the model cannot read
all of it; its best entailment and its highest contradiction over the windows count. An empty answer
says nothing, so it contradicts nothing and is entailed, as it is faithful.

Reads texts; writes nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from burnish.engines.engine import EntailmentModel
from burnish.evaluate.classic_texts import sentences_of
from burnish.evaluate.measured import Measured, of_means

THRESHOLD = 0.5
"""Probability above which a sentence counts as entailed, or as contradicted."""
PAIRS_AT_ONCE = 1024

Told = Callable[[int, int], None]
"""Hears how many pairs are done, of how many."""


def measure_entailment(
    model: EntailmentModel,
    written: Mapping[str, Sequence[str]],
    sources: Sequence[str],
    told: Told,
) -> dict[str, dict[str, Measured]]:
    """System → "entailed" and "contradicted": the mean share of an answer's sentences that are so.

    Equal pairs of all systems are judged once.

    Args:
        written: system → its answers, in the order of `sources`.
        sources: what each example's input says.
    """
    cutter = _Cutter(model)
    claims = {
        (source, claim): windows
        for texts in written.values()
        for source, text in zip(sources, texts, strict=True)
        for claim, windows in cutter.claims(source, text)
    }
    pairs = dict.fromkeys(
        (window, claim) for (_, claim), windows in claims.items() for window in windows
    )
    judged = dict(zip(pairs, _judge(model, list(pairs), told), strict=True))
    found = {
        (source, claim): np.max([judged[window, claim] for window in windows], axis=0) > THRESHOLD
        for (source, claim), windows in claims.items()
    }
    measured = {}
    for system, texts in written.items():
        shares = []
        for source, text in zip(sources, texts, strict=True):
            own = [found[source, claim] for claim, _ in cutter.claims(source, text)]
            shares.append(np.mean(own, axis=0) if own else np.array([1.0, 0.0]))
        measured[system] = {
            name: of_means(name, [float(share[at]) for share in shares])
            for at, name in enumerate(("entailed", "contradicted"))
        }
    return measured


def _judge(
    model: EntailmentModel, pairs: Sequence[tuple[str, str]], told: Told
) -> Iterator[np.ndarray]:
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        told(start, len(pairs))
        yield from model.judge(pairs[start : start + PAIRS_AT_ONCE])


class _Cutter:
    """Cuts texts into sentences and windows of them that the model can read whole."""

    def __init__(self, model: EntailmentModel) -> None:
        self._model = model
        self._pieces: dict[str, list[tuple[str, int]]] = {}

    def claims(self, source: str, text: str) -> list[tuple[str, list[str]]]:
        """The sentences of an answer, each with the windows of its input."""
        return [
            (claim, _windows(self.pieces(source), self._model.room - length))
            for claim, length in self.pieces(text)
        ]

    def pieces(self, text: str) -> list[tuple[str, int]]:
        """Sentences with their tokens; one that would fill half a pair or more is cut in two."""
        if text not in self._pieces:
            found: list[tuple[str, int]] = []
            waiting = sentences_of(text)
            while waiting:
                lengths = self._model.lengths(waiting)
                sized = list(zip(waiting, lengths, strict=True))
                most = self._model.room // 2 - 1
                waiting = [
                    part
                    for piece, length in sized
                    for part in (_halves(piece) if length > most else [piece])
                ]
                if waiting == [piece for piece, _ in sized]:
                    found, waiting = sized, []
            self._pieces[text] = found
        return self._pieces[text]


def _windows(pieces: Sequence[tuple[str, int]], most: int) -> list[str]:
    """As few runs of sentences as fit into `most` tokens each; one that is empty for no sentence.

    A token is reckoned for each space between two sentences.
    """
    windows: list[list[str]] = [[]]
    used = 0
    for piece, length in pieces:
        if windows[-1] and used + length + 1 > most:
            windows.append([])
            used = 0
        windows[-1].append(piece)
        used += length + 1
    return [" ".join(window) for window in windows]


def _halves(text: str) -> list[str]:
    """A text cut at the space next to its middle, or in its middle where it has no space."""
    if len(text) < 2:
        return [text]
    middle = len(text) // 2
    spaces = [at for at in (text.rfind(" ", 0, middle), text.find(" ", middle)) if at > 0]
    at = min(spaces, key=lambda space: abs(space - middle), default=middle)
    return [part for part in (text[:at].strip(), text[at:].strip()) if part]
