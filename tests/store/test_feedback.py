"""Feedback and shadow answers as a stream, and the inputs of a sealed split without its answers."""

from pathlib import Path

from burnish.records import Exchange, Feedback
from burnish.store.database import connect
from burnish.store.exchanges import append_exchanges
from burnish.store.feedback import ShadowAnswer, each_feedback, newest_shadows


def exchange(name: str, at: int, **fields: object) -> Exchange:
    known = {"id": name, "at": f"2026-10-01T00:00:{at:06.3f}Z", "endpoint": "t", "status": 200,
             "seconds": 0.1, "answer": "yes", "deployment": "d1"}  # fmt: skip
    return Exchange.model_validate(known | fields)


def test_feedback_comes_oldest_first_with_its_answers(tmp_path: Path) -> None:
    engine = connect(tmp_path / "b.db")
    said = [
        Feedback(id="b", exchange="x", at="2026-10-02", caller="c", answer={"dose": [4, "mg"]}),
        Feedback(id="a", exchange="x", at="2026-10-01", thumb="down", comment="no"),
    ]
    append_exchanges(engine, [], said)
    assert list(each_feedback(engine)) == said[::-1]
    engine.dispose()


def test_the_newest_shadows_come_first_and_failed_or_endless_ones_do_not(tmp_path: Path) -> None:
    engine = connect(tmp_path / "b.db")
    shadow = {"shadow": True, "deployment": "d2"}
    append_exchanges(
        engine,
        [
            exchange("x", 1), exchange("x:d2", 1, **shadow), exchange("y:d2", 3, **shadow),
            exchange("z:d2", 2, **shadow | {"status": 503, "answer": None}),
            exchange("w:d2", 4, **shadow | {"answer": "a" * 10_001}),
        ],
    )  # fmt: skip
    first, second = ShadowAnswer("y", "d2", "yes"), ShadowAnswer("x", "d2", "yes")
    assert newest_shadows(engine, 10) == [first, second]
    assert newest_shadows(engine, 1) == [first]
    assert newest_shadows(engine, 10, since="2026-10-01T00:00:02") == [first]
    engine.dispose()
