"""Overlapping spans are settled: the longest, then the most certain, and nothing is lost."""

from burnish.data.personal.spans import Span, settled


def test_longest_then_most_certain() -> None:
    text = "0123456789"
    spans = [Span(0, 4, "A", 1.0), Span(0, 6, "B", 0.5), Span(0, 6, "C", 0.6)]
    assert settled(text, spans) == [Span(0, 6, "C", 0.6)]


def test_what_a_loser_covers_beyond_stays() -> None:
    text = "12 Elm Street, 555-0123 ext"
    address, phone = Span(0, 18, "STREET_ADDRESS", 0.7), Span(15, 23, "PHONE_NUMBER", 0.8)
    assert settled(text, [phone, address]) == [address, Span(18, 23, "PHONE_NUMBER", 0.8)]


def test_a_loser_may_stand_on_both_sides_but_not_as_a_dot() -> None:
    text = "aa bbbb cc."
    long = Span(0, 11, "A", 0.5)
    assert settled(text, [long, Span(3, 7, "B", 1.0)]) == [long]
    inner = [Span(2, 8, "B", 1.0), Span(0, 5, "A", 0.4), Span(7, 11, "C", 0.4)]
    assert settled(text, inner) == [
        Span(0, 2, "A", 0.4), Span(3, 7, "B", 1.0), Span(8, 11, "C", 0.4),
    ]  # fmt: skip


def test_placeholders_are_nobodys() -> None:
    assert settled("[PERSON_1] x", [Span(1, 9, "PERSON", 1.0)]) == []


def test_order_changes_nothing() -> None:
    text = "abcdefghij" * 3
    spans = [Span(at, at + 7, kind, 0.5) for at in range(0, 20, 3) for kind in "AB"]
    assert settled(text, spans) == settled(text, spans[::-1])
