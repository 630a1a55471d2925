"""What an alarm's explanation names: words that tell, masks whatever their number, labels."""

from burnish.watch.explanation import explain, moved_words
from burnish.watch.samples import Sample, Seen, Vocabulary, input_sample, output_sample


def _asked(texts: list[str], vocabulary: Vocabulary) -> tuple[list[Seen], Sample]:
    seen = [Seen(str(at), text) for at, text in enumerate(texts)]
    return seen, input_sample(seen, vocabulary)


def _answered(labels: list[str]) -> Sample:
    return output_sample([Seen("", "", label, "fit") for label in labels], labels=True)


def test_words_of_most_rows_are_not_named_though_their_share_moved() -> None:
    vocabulary = Vocabulary()
    _, before = _asked(["the card"] * 60 + ["card"] * 40, vocabulary)
    _, after = _asked(["the loan"] * 95 + ["loan"] * 5, vocabulary)
    names = {one.name for one in moved_words(before, after, vocabulary)}
    assert names == {"card", "loan"}


def test_masked_values_are_one_word_whatever_their_number() -> None:
    vocabulary = Vocabulary()
    _, before = _asked(["my order is late"] * 100, vocabulary)
    _, after = _asked([f"my order is late [URL_{1 + at % 4}]" for at in range(100)], vocabulary)
    (word,) = moved_words(before, after, vocabulary)
    assert (word.name, word.before, word.after) == ("[url]", 0.0, 1.0)


def test_labels_within_chance_are_told_as_such() -> None:
    vocabulary = Vocabulary()
    _, before = _asked(["the card"] * 100, vocabulary)
    seen, after = _asked(["the loan"] * 100, vocabulary)
    for shares, said in (
        (
            (50, 53),
            "No answer's share moved beyond chance; the most, card, went from 50.0% to 53.0%",
        ),
        ((50, 90), "The answer card went from 50.0% to 90.0%."),
    ):
        answers = [_answered(["card"] * share + ["loan"] * (100 - share)) for share in shares]
        found = explain((before, after), (answers[0], answers[1]), seen, vocabulary)
        assert any(sentence.startswith(said) for sentence in found.sentences), said
