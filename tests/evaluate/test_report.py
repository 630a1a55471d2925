"""The report page: parsed as a browser would, then asked for what it must and must not hold."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from burnish.errors import EvaluationError
from burnish.evaluate.report import _matrix, _outcome, _ticks, render_report
from burnish.records import (
    Abstention,
    Answer,
    AnsweredExample,
    BaseChoice,
    ConfidenceBin,
    Dataset,
    DataSettings,
    Difference,
    Doubted,
    LabelScore,
    Opening,
    PassMark,
    PromptSettings,
    Reliability,
    Report,
    Run,
    Score,
    SeedSpread,
    Slices,
    SliceScore,
    Split,
    SystemResult,
    Task,
    Tried,
    Verdict,
    Writing,
)

NASTY = (
    """</script><script>alert("1")</script> {{ 7*7 }} {% raw %} <!-- &amp; ' شكرا 🙂 \u2028 end"""
)
LOSS = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><text>loss</text></svg>'
SYSTEMS = ("zero-shot", "few-shot", "classic", "tuned")


class Page(HTMLParser):
    """The elements of a page, and the text of each script and of everything visible."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.scripts: dict[str, str] = {}
        self.text = ""
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag in ("script", "style"):
            self._inside = tag + attributes.get("id", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[self._inside] = self.scripts.get(self._inside, "") + data
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def record(name: str) -> dict[str, Any]:
    return {
        "id": name, "status": "complete", "inputs_hash": "1" * 64, "parents": {}, "seed": 0,
        "started_at": "2026-11-01T09:00:00+00:00", "packages": {"torch": "2.13.0"},
        "hash": name[0] * 64,
    }  # fmt: skip


def system(name: str, value: float, n: int, labels: tuple[str, ...]) -> SystemResult:
    primary = Score(metric="macro_f1", value=value, low=value - 0.1, high=value, n=n)
    perplexity = Score(metric="perplexity", value=3.456, low=3.0, high=4.04, n=n)
    return SystemResult(
        name=name,
        description=f"How {name} answers.",
        scores={"macro_f1": primary, **({} if name == "classic" else {"perplexity": perplexity})},
        per_label=tuple(
            LabelScore(label=x, precision=1, recall=0.5, f1=0.6667, n=n) for x in labels
        ),
        confusion={x: {x: 3, labels[0]: 1 if x != labels[0] else 3} for x in labels},
    )


def records(
    *, n: int = 3, labels: tuple[str, ...] = ("refund", "top_up"),
    systems: tuple[str, ...] = SYSTEMS, openings: int = 1, nasty: str = "",
) -> dict[str, Any]:  # fmt: skip
    task = Task(
        name="tickets", kind="classify", goal=f"Route a message. {nasty}", metric="macro_f1",
        data=DataSettings(source="x.csv"), prompt=PromptSettings(system=f"Label it. {nasty}"),
        pass_mark=PassMark(at_least=0.2),
    )  # fmt: skip
    if nasty:
        labels = (*labels, nasty)
    difference = Difference(
        metric="macro_f1", other="zero-shot", value=0.25, low=-0.01, high=0.5, p_value=0.0001, n=n
    )
    report = Report(
        **record("report"), task_name=task.name, task_kind=task.kind, metric="macro_f1",
        pass_mark=task.pass_mark, settings=task.evaluate, n=n,
        systems=tuple(
            system(name, 0.5 + 0.1 * place, n, labels) for place, name in enumerate(systems)
        ),
        differences=(difference,),
        verdict=Verdict(
            decision="not enough data", reason=f"It is open. {nasty}", metric="macro_f1", mark=0.6,
            strongest="classic", needed=640,
        ),
        openings=tuple(
            Opening(at=f"2026-11-0{day + 1}T09:00:00", reason=f"evaluate {nasty}", dataset_hash="d")
            for day in range(openings)
        ),
        seconds={"tuned": 4.26},
    )  # fmt: skip
    splits = {name: Split(file=name, n=n, sha256=name[0] * 64) for name in ("train", "test")}
    dataset = Dataset(
        **record("dataset"), splits=splits, rows_read=9, dropped={f"empty {nasty}": 2},
        labels=labels, advice=(f"Few examples. {nasty}",),
    )  # fmt: skip
    run = Run(
        **record("xrun"), settings=task.train, prompt=task.prompt, truncated=("e1",), best_epoch=1,
        validation_loss=(0.5, 0.75),
    )  # fmt: skip
    base = BaseChoice(
        **record("base"), name="smollm2-135m", source="package", path="/somewhere", revision=None,
        weights_sha256="a" * 64, template_sha256="b" * 64, architecture="Llama",
        parameters=134_515_008, context_length=8192, vocabulary=49152, licence="Apache-2.0",
    )  # fmt: skip
    answers = [
        AnsweredExample(
            id=f"e{place}", row=place + 2, inputs={"text": f"Where is it? {nasty}"},
            references=(labels[-1],),
            answers={
                name: Answer(text=f"refund {nasty}", value="refund", score=place / n, nll=0.25)
                for name in systems
            },
        )
        for place in range(n)
    ]  # fmt: skip
    return {
        "task": task, "report": report, "dataset": dataset, "run": run, "base": base,
        "answers": answers, "loss_svg": LOSS,
    }  # fmt: skip


def page(**changes: Any) -> Page:
    return Page(render_report(**records(**changes)))


def test_everything_that_was_measured_stands_on_the_page_in_order() -> None:
    text = page().text
    wanted = [
        "tickets", "not enough data", "It is open.", "Scores", "tuned minus", "Labels", "Loss",
        "Answers", "What was measured", "Apache-2.0", "134.5 million parameters", "2: empty",
        "t" * 64, "2026-11-01T09:00:00", "evaluate", "lora_alpha", "torch 2.13.0",
    ]  # fmt: skip
    places = [text.find(part) for part in wanted]
    assert -1 not in places, dict(zip(wanted, places, strict=True))
    start = [text.index(title) for title in ("Scores", "Labels", "Loss", "Answers", "What was")]
    assert start == sorted(start)


def test_scores_have_three_decimals_and_perplexity_one_with_its_direction() -> None:
    text = page().text
    assert "0.800" in text
    assert "[0.700, 0.800]" in text
    assert "3.5" in text
    assert "[3.0, 4.0]" in text
    assert "3.456" not in text
    assert "lower is better" in text
    assert "< 0.001" in text


def test_nothing_is_fetched_from_anywhere() -> None:
    html = render_report(**records(nasty=NASTY))
    parsed = Page(html)
    for _, attributes in parsed.elements:
        for name in ("src", "href", "xlink:href", "action", "srcset", "data", "poster"):
            assert attributes.get(name, "#").startswith("#")
    assert "url(" not in parsed.scripts["style"]
    assert "@import" not in parsed.scripts["style"]
    policy = next(m["content"] for m in parsed.all("meta") if "http-equiv" in m)
    assert "default-src 'none'" in policy


def test_planted_text_is_shown_and_never_run() -> None:
    plain, nasty = page(), page(nasty=NASTY)
    assert len(nasty.all("script")) == len(plain.all("script")) == 3
    assert nasty.scripts["script"] == plain.scripts["script"]
    places = [
        "Route a message.",
        "Label it.",
        "It is open.",
        "Few examples.",
        "2: empty",
        "evaluate",
    ]
    for place in places:
        assert f"{place} {NASTY}" in nasty.text
    assert nasty.text.count("{{ 7*7 }}") >= len(places) + 2
    assert not any(name.startswith("on") for _, found in nasty.elements for name in found)


@pytest.mark.parametrize("nasty", ["", NASTY, "<!--<script>", "]]>", '"\\', "\x00\x1f"])
def test_embedded_answers_parse_back_to_the_same(nasty: str) -> None:
    given = records(nasty=nasty)
    embedded = Page(render_report(**given)).scripts["scriptanswers"]
    assert not set("<>&\u2028") & set(embedded)
    assert [AnsweredExample.model_validate(line) for line in json.loads(embedded)] == given[
        "answers"
    ]


def test_same_records_same_bytes() -> None:
    assert render_report(**records(nasty=NASTY)) == render_report(**records(nasty=NASTY))


def test_a_second_opening_is_warned_of_and_a_first_is_not() -> None:
    assert "opened more than once" not in page().text.lower()
    text = page(openings=2).text
    assert "has been opened 2 times" in text
    assert "Opened more than once" in text
    assert "2026-11-02T09:00:00" in text


def test_a_record_without_a_hash_yet_says_so() -> None:
    given = records()
    assert "written after this page" not in Page(render_report(**given)).text
    given["report"] = given["report"].model_copy(update={"hash": None})
    assert "written after this page" in Page(render_report(**given)).text


def test_the_tables_can_be_read_aloud_and_sorted() -> None:
    parsed = page()
    assert all("scope" in attributes for attributes in parsed.all("th"))
    assert len(parsed.all("caption")) == len(parsed.all("table"))
    assert [a["aria-sort"] for a in parsed.all("th") if "aria-sort" in a] == [
        "none",
        "none",
        "ascending",
    ]
    named = {attributes["id"] for _, attributes in parsed.elements if "id" in attributes}
    pointed = {a["aria-labelledby"] for _, a in parsed.elements if "aria-labelledby" in a}
    assert pointed <= named


def test_the_chart_says_in_words_what_it_draws() -> None:
    chart = next(svg for svg in page().all("svg") if svg.get("class") == "chart")
    assert "tuned 0.800 [0.700, 0.800]" in chart["aria-label"]
    assert "pass mark 0.600" in chart["aria-label"]


def test_without_zero_shot_there_is_no_gain() -> None:
    parsed = page(systems=("few-shot", "tuned"))
    assert json.loads(parsed.scripts["scriptview"])["gain"] is False
    assert "gain" not in [a.get("data-key") for a in parsed.all("button")]


def test_a_missing_system_leaves_no_trace_in_the_tables() -> None:
    parsed = page(systems=("zero-shot", "tuned"))
    assert "How few-shot answers." not in parsed.text
    assert json.loads(parsed.scripts["scriptview"])["systems"] == ["zero-shot", "tuned"]


def test_one_example_and_no_labels_are_enough() -> None:
    given = records(n=1)
    bare = [
        s.model_copy(update={"per_label": (), "confusion": {}}) for s in given["report"].systems
    ]
    given["report"] = given["report"].model_copy(update={"systems": tuple(bare), "differences": ()})
    text = Page(render_report(**{**given, "loss_svg": ""})).text
    assert "weakest first" not in text
    assert "Validation loss" not in text
    assert "Confusions" not in text


def test_many_labels_give_the_top_confusions_instead_of_a_matrix() -> None:
    assert "true label down" in page().text
    text = page(labels=tuple(f"label_{place:02}" for place in range(30))).text
    assert "true label down" not in text
    assert "20 of 29" in text


def test_answers_that_are_no_label_share_one_column() -> None:
    result = system("tuned", 0.8, 4, ("a", "b"))
    matrix = _matrix(
        result.model_copy(update={"confusion": {"a": {"a": 2, "x": 1, "y": 1}}}), ("a", "b")
    )
    assert matrix is not None
    assert matrix.elsewhere
    assert [[cell.times for cell in cells] for _, cells in matrix.rows] == [[2, 0, 2], [0, 0, 0]]
    assert matrix.rows[0][1][2].share == 0.5


@pytest.mark.parametrize(
    ("metric", "low", "high", "outcome"),
    [
        ("macro_f1", 0.1, 0.2, "better"),
        ("macro_f1", -0.2, -0.1, "worse"),
        ("macro_f1", 0.0, 0.2, "undecided"),
        ("perplexity", -2.0, -1.0, "better"),
        ("perplexity", 1.0, 2.0, "worse"),
    ],
)
def test_a_difference_in_a_word(metric: str, low: float, high: float, outcome: str) -> None:
    difference = Difference(
        metric=metric, other="classic", value=(low + high) / 2, low=low, high=high, p_value=0.5, n=9
    )
    assert _outcome(difference) == outcome


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1, 1), (0, 0), (0.142, 0.261), (0.98, 1.08)])
def test_ticks_are_round_and_enclose(low: float, high: float) -> None:
    ticks = _ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 3 <= len(ticks) <= 8
    assert all(float(f"{tick:.3g}") == tick for tick in ticks)


def test_a_report_without_a_verdict_or_a_tuned_system_is_refused() -> None:
    given = records()
    given["report"] = given["report"].model_copy(update={"verdict": None})
    with pytest.raises(EvaluationError, match="no verdict") as caught:
        render_report(**given)
    assert caught.value.hint == "burnish evaluate"
    with pytest.raises(EvaluationError, match="tuned"):
        render_report(**records(systems=("zero-shot", "classic")))


@pytest.mark.parametrize(
    "svg",
    ["<p>no", "<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "<svg onload='x()'/>"],
)
def test_a_loss_picture_that_is_none_or_runs_is_refused(svg: str) -> None:
    with pytest.raises(EvaluationError, match="loss picture"):
        render_report(**{**records(), "loss_svg": svg})


def test_slices_stand_worst_first_with_a_caution() -> None:
    given = records()
    one = SliceScore(
        by="ward", name=f"ICU {NASTY}", n=12, value=0.2, low=0.1, high=0.4, difference=-0.5,
        p_value=0.001, p_adjusted=0.01, scores={"tuned": 0.2, "classic": 0.3},
    )  # fmt: skip
    slices = Slices(metric="macro_f1", smallest=10, scored=(one,), too_small=3)
    given["report"] = given["report"].model_copy(update={"slices": slices})
    text = Page(render_report(**given)).text
    assert "Worse than the other examples by more than chance explains: ward" in text
    assert f"ICU {NASTY}" in text
    assert "3 slices have fewer than 10 examples" in text
    chance = slices.model_copy(update={"scored": (one.model_copy(update={"p_adjusted": 0.4}),)})
    given["report"] = given["report"].model_copy(update={"slices": chance})
    assert "No slice is worse" in Page(render_report(**given)).text


def test_what_an_answer_says_beyond_its_input_is_kept_for_the_browser() -> None:
    given = records(n=1)
    doubted = Doubted(kind="dose", text="20 mg", found="10 mg", start=6, end=11)
    (row,) = given["answers"]
    answer = row.answers["tuned"].model_copy(update={"doubts": (doubted,)})
    given["answers"] = [row.model_copy(update={"answers": {**row.answers, "tuned": answer}})]
    parsed = Page(render_report(**given))
    (embedded,) = json.loads(parsed.scripts["scriptanswers"])
    assert embedded["answers"]["tuned"]["doubts"][0]["text"] == "20 mg"
    assert "doubts" not in embedded["answers"]["zero-shot"]


def test_what_was_tried_how_sure_and_how_it_writes_stand_on_the_page() -> None:
    given = records(openings=2)
    report = given["report"]
    bins = tuple(
        ConfidenceBin(low=at / 10, high=(at + 1) / 10, n=at, confidence=at / 10, right=0.5)
        for at in range(10)
    )
    surest = tuple(
        Abstention(coverage=at / 10, n=at, probability=1 - at / 20, right=0.9)
        for at in range(1, 11)
    )
    score = report.systems[0].scores["macro_f1"]
    update = {
        "tried": (Tried(name="5 examples", score=score, chosen=True),),
        "reliability": Reliability(
            n=45, ece=0.123, low=0.1, high=0.2, brier=0.234, bins=bins, abstentions=surest
        ),
        "writing": Writing(
            n=45, empty=7, refusals=8, cut=9, looping=10, repetition=0.118, words=12,
            reference_words=13,
        ),
    }  # fmt: skip
    systems = (report.systems[0].model_copy(update=update), *report.systems[1:])
    difference = report.differences[0].model_copy(
        update={"p_adjusted": 0.0123, "smallest": 0.098, "test": "permutation test"}
    )
    seeds = SeedSpread(
        seeds=(0, 1), metric="macro_f1", mean=0.71, deviation=0.02, low=0.69, high=0.73,
        same_test=False,
    )  # fmt: skip
    changed = {"systems": systems, "differences": (difference,), "caution": "This is look 2."}
    report = report.model_copy(update=changed | {"seeds": seeds})
    found = Page(render_report(**given | {"report": report}))
    text = " ".join(found.text.split())
    assert "validation examples: 5 examples 0.500 [0.400, 0.500] (taken)." in text
    assert "0.123[0.100, 0.200]" in text
    assert "0.900from 0.90, n 2" in text
    assert "zero-shot7891011.8%1213–45" in text.replace(" ", "")
    assert "permutation test" in text
    assert "0.012" in text
    assert "0.098" in text
    assert "This is look 2." in text
    assert "Over 2 runs that differ in the seed alone, tuned macro_f1 is 0.710" in text
    assert "each seed split the data anew" in text
    plots = [svg for svg in found.all("svg") if svg.get("class") == "reliability"]
    assert len(plots) == 1
