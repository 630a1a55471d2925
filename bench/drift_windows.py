"""Windows with planted drifts, for Burnish and its peers alike: `write` makes the file they read.

Reads banking77 (BURNISH_DATA): questions of bank customers, with 77 intents. A trial is one line of
JSON: reference texts; answers and probabilities for other texts; and windows of 50 requests, each
with its answers and their probabilities. All answers are those of one model that serves, TF-IDF
with logistic regression, trained on the reference texts. Seven intents are kept from reference and
model. The texts of the reference's answers stand there too, for peers to fit vectors on. Windows
named "null" hold nothing else than the reference; all others are named by their drift and its size,
the share of their rows that it touches, and begin with the drift in force.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

DATA = Path(os.environ.get("BURNISH_DATA", "../shared/data"))
ROWS, REFERENCE, ANSWERED = 50, 1000, 1000
"""Rows of a window, of the reference's texts, and of its answers."""
NULLS, LIMIT, TOGETHER = 40, 12, 4
"""Windows without a drift before it, and with it; a trial has up to 3 more of the former, so that
the drift begins anywhere in a block of four."""
RAMP = 10
"""Windows in which the slow ramp grows to its size."""
NEW, SHIFTED = 7, 3
"""Intents kept for the new label, and intents that a label shift adds."""
SIZES = {
    "label shift": (0.1, 0.2, 0.4),
    "new label": (0.1, 0.2, 0.4),
    "vocabulary": (0.1, 0.2, 0.4),
    "longer inputs": (0.1, 0.2, 0.4),
    "language": (0.04, 0.1, 0.2),
    "template": (0.04, 0.1, 0.2),
    "slow ramp": (0.1, 0.2, 0.4),
}
WORDS = {
    "card": "plastic", "cards": "plastics", "account": "wallet", "money": "funds",
    "transfer": "remittance", "payment": "settlement", "cash": "banknotes", "top": "load",
    "pin": "passcode", "charged": "billed", "fee": "surcharge", "atm": "dispenser",
    "exchange": "conversion", "app": "client", "refund": "reimbursement", "bank": "branch",
}  # fmt: skip
"""What the change of vocabulary makes of words."""
SIGNATURE = " Sent from my phone. Regards, a customer"
GERMAN = (
    "Wo bleibt meine neue Karte, ich warte schon seit zwei Wochen?",
    "Meine Karte ist noch nicht angekommen.",
    "Wie kann ich meine Karte aktivieren?",
    "Warum wurde mir eine Gebühr für die Überweisung berechnet?",
    "Der Geldautomat hat meine Karte eingezogen, was nun?",
    "Ich habe meine PIN vergessen, wie bekomme ich eine neue?",
    "Meine Zahlung ist immer noch in Bearbeitung.",
    "Wie lange dauert eine Überweisung aus dem Ausland?",
    "Ich möchte mein Konto schließen.",
    "Kann ich mein Gehalt auf dieses Konto überweisen lassen?",
    "Warum wurde meine Aufladung abgelehnt?",
    "Der Wechselkurs für meine Abhebung stimmt nicht.",
    "Es gibt eine Abbuchung auf meinem Konto, die ich nicht kenne.",
    "Wie ändere ich meine Adresse in der App?",
    "Ich glaube, meine Karte wurde gestohlen.",
    "Welche Währungen kann ich hier umtauschen?",
    "Warum muss ich meine Identität nachweisen?",
    "Die App funktioniert auf meinem neuen Handy nicht.",
    "Ich habe das Geld an die falsche Person geschickt.",
    "Kann ich eine zweite Karte für meine Tochter bekommen?",
    "Ich warte auf die Rückzahlung von einem Händler.",
    "Mein Kontostand hat sich nach der Einzahlung nicht geändert.",
    "Wird meine Karte auch in Japan angenommen?",
    "Wie kann ich das Limit für meine Karte erhöhen?",
    "Mir wurde der gleiche Betrag zweimal abgebucht.",
    "Ich habe weniger Bargeld bekommen, als ich wollte.",
    "Wann läuft meine Karte ab und wie bekomme ich eine neue?",
    "Darf man mit sechzehn schon ein Konto eröffnen?",
    "Warum ist mein Passwort gesperrt?",
    "Gibt es eine virtuelle Karte für den Einkauf im Internet?",
)

_WORD = re.compile(r"[A-Za-z]+")
Rows = list[tuple[str, str]]
"""Texts with the intents they have."""


def write(file: Path, trials: int) -> None:
    """One line a trial; the same number of a trial gives the same line."""
    texts, intents = _questions()
    with file.open("w") as lines:
        for trial in range(trials):
            print(json.dumps(_trial(trial, texts, intents), ensure_ascii=False), file=lines)


def _questions() -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    folder = DATA / "classification-banking77"
    rows = [json.loads(line) for name in ("train", "test")
            for line in (folder / f"{name}.jsonl").open()]  # fmt: skip
    return np.array([row["text"] for row in rows]), np.array([row["label"] for row in rows])


def _trial(trial: int, texts: NDArray[np.str_], intents: NDArray[np.str_]) -> dict[str, object]:
    random = np.random.default_rng([trial, 77])
    names = random.permutation(np.unique(intents))
    new, shifted = names[:NEW], names[NEW : NEW + SHIFTED]
    order = random.permutation(len(texts))
    rows = [(str(texts[at]), str(intents[at])) for at in order]
    plain = [row for row in rows if row[1] not in new]
    reference, plain = plain[:REFERENCE], plain[REFERENCE:]
    answered, plain = plain[:ANSWERED], plain[ANSWERED:]
    nulls = NULLS + trial % TOGETHER
    calm, plain = plain[: nulls * ROWS], plain[nulls * ROWS :]
    base, spare = plain[: LIMIT * ROWS], plain[LIMIT * ROWS :]
    pools = {
        "label shift": [row for row in spare if row[1] in shifted],
        "new label": [row for row in rows if row[1] in new],
        "longer inputs": spare,
    }
    pools["slow ramp"] = pools["label shift"]
    model = _model(reference)
    windows = {"null": _answered(model, calm, nulls)}
    for drift, sizes in SIZES.items():
        for at, size in enumerate(sizes):
            planted: Rows = []
            pool = cycle(pools.get(drift, ()))
            for window in range(LIMIT):
                share = size * min(1, (window + 1) / RAMP) if drift == "slow ramp" else size
                part = base[window * ROWS : (window + 1) * ROWS]
                seed = np.random.default_rng([trial, window, at])
                touched = _planted(drift, part, round(share * ROWS), pool, seed)
                planted += [touched[row] for row in seed.permutation(ROWS)]
            windows[f"{drift} {size:g}"] = _answered(model, planted, LIMIT)
    labels, sure = _answers(model, [text for text, _ in answered])
    return {
        "trial": trial, "texts": [text for text, _ in reference], "labels": labels,
        "confidence": sure, "other_texts": [text for text, _ in answered], "windows": windows,
    }  # fmt: skip


def _planted(
    drift: str, rows: Rows, count: int, pool: Iterator[tuple[str, str]], random: np.random.Generator
) -> Rows:
    """A window with `count` of its rows touched."""
    if drift in ("label shift", "slow ramp", "new label"):
        return [*rows[count:], *(next(pool) for _ in range(count))]
    if drift == "language":
        chosen = random.permutation(len(GERMAN))[:count]
        return [*rows[count:], *((GERMAN[at], "") for at in chosen)]
    if drift == "longer inputs":
        longer = [(f"{text} {next(pool)[0]}", intent) for text, intent in rows[:count]]
    elif drift == "template":
        longer = [(text + SIGNATURE, intent) for text, intent in rows[:count]]
    else:
        longer = [(_WORD.sub(_other_word, text), intent) for text, intent in rows[:count]]
    return [*longer, *rows[count:]]


def _other_word(found: re.Match[str]) -> str:
    return WORDS.get(found[0].lower(), found[0])


def _model(rows: Rows) -> Pipeline:
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=20, max_iter=300),
    )
    return model.fit([text for text, _ in rows], [intent for _, intent in rows])


def _answers(model: Pipeline, texts: Sequence[str]) -> tuple[list[str], list[float]]:
    chances = model.predict_proba(texts)
    labels = [str(model.classes_[at]) for at in chances.argmax(axis=1)]
    return labels, [round(float(one), 6) for one in chances.max(axis=1)]


def _answered(model: Pipeline, rows: Rows, windows: int) -> list[dict[str, list[object]]]:
    texts = [text for text, _ in rows]
    labels, sure = _answers(model, texts)
    return [
        {"texts": texts[part], "labels": labels[part], "confidence": sure[part]}
        for part in (slice(ROWS * at, ROWS * (at + 1)) for at in range(windows))
    ]
