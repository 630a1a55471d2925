"""Are the estimates of memory right? Prints docs/memory.md: estimates beside published peaks.

    python bench/memory.py > docs/memory.md

Reads bench/published_memory.toml (peaks that others published, with their settings) and
bench/measured_memory.toml (Burnish's own trainings on a CPU, from bench/training_cost.py).
"""

import statistics
import tomllib
from pathlib import Path
from typing import Any

from burnish.base.catalogue import Catalogue
from burnish.base.figures import Figures
from burnish.base.memory import Plan, on_card, serving_memory, training_memory

HERE = Path(__file__).parent
HEAD = """\
# Memory: what is counted, and how right it is

<!-- Written by bench/memory.py; type `python bench/memory.py > docs/memory.md`. -->

`burnish base --list` says what training and serving a model takes before anything is downloaded.
The figure is one sum over the tensors that are alive when training peaks: at the start of the
backward pass (weights, adapters, optimiser state, all activations, the logits), at its end (all
gradients beside one block's activations), or in the optimiser's step. What a block keeps for the
backward pass is counted from the code of transformers, PEFT and torch
([burnish/base/memory.py](../burnish/base/memory.py)); no constant is fitted to a row below. Serving
is weights, keys and values, and the largest matrix that is dequantised at once.

## Against published peaks

Where a source names a card's memory, half a GiB for the driver and 5% of the passing tensors are
added. *Predicted* and *published* are GiB.

"""


def main() -> None:
    """Print the page."""
    points = read_points()
    counted = [point for point in points if "left_out" not in point]
    errors = [abs(error(point)) for point in counted]
    print(HEAD + table(counted))
    print(
        f"{len(counted)} points: median error {statistics.median(errors):.1%}, "
        f"worst {max(errors):.1%}.\n"
    )
    print("Not counted, and why:\n")
    print(table([point for point in points if "left_out" in point]))
    for reason in dict.fromkeys(point["left_out"] for point in points if "left_out" in point):
        print(f"- {reason[0].upper()}{reason[1:]}.")
    print("\nTRL's documents name no peaks with their settings, so none stands here.\n")
    print(measured_section())


def read_points() -> list[dict[str, Any]]:
    """The published points, as the file has them."""
    text = (HERE / "published_memory.toml").read_text(encoding="utf-8")
    points: list[dict[str, Any]] = tomllib.loads(text)["point"]
    return points


def published(point: dict[str, Any]) -> float:
    """The published peak, GiB."""
    return float(point["published"]) * (1e9 / 2**30 if point["unit"] == "GB" else 1)


def predicted(point: dict[str, Any]) -> float:
    """Burnish's estimate at the same settings, GiB."""
    about = ("model", "published", "unit", "measures", "source", "url", "settings", "left_out")
    settings = {key: value for key, value in point.items() if key not in about}
    figures = _figures(point["model"], untied=settings.pop("untied", False))
    if settings.pop("serves", False):
        return serving_memory(figures, **settings).total
    if settings.pop("dropout", True) is False:
        settings["mask_bytes"] = None
    if isinstance(settings.get("targets"), list):
        settings["targets"] = tuple(settings["targets"])
    estimate = training_memory(figures, Plan(**settings))
    return (on_card(estimate) if point["measures"] == "card" else estimate).total


def error(point: dict[str, Any]) -> float:
    """Relative error of the estimate."""
    return predicted(point) / published(point) - 1


def table(points: list[dict[str, Any]]) -> str:
    """Markdown rows."""
    lines = [
        "| model | settings | source | published | predicted | error |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {point['model']} | {point['settings']} | [{point['source']}]({point['url']}) | "
        f"{published(point):.2f} | {predicted(point):.2f} | {error(point):+.1%} |"
        for point in points
    ]
    return "\n".join(lines) + "\n"


def measured_section() -> str:
    """Burnish's own trainings on a CPU."""
    data = read_measured()
    from training_cost import HEAD as HEAD_OF_RUNS
    from training_cost import row, speed_of

    speed = speed_of(data)
    lines = [
        "## Against trainings on a CPU\n",
        f"`python bench/training_cost.py` ({data['machine']}, {data['date']}): Burnish's own "
        "loader, trainer and settings (bfloat16 under LoRA and QLoRA, float32 where all weights "
        "train), 8 examples a step of equal length, a quarter of the tokens answers, each in a "
        "fresh process. To the tensors come the libraries and what glibc keeps between tensors of "
        "changing sizes: three constants for all rows. Seconds of a step follow from twelve rates "
        "that `burnish.base.speed` measured on the machine just before, and from operations and "
        "bytes counted in the code (`burnish.base.duration`).\n",
        HEAD_OF_RUNS,
    ]
    lines += [row(run, speed) for run in data["run"]]
    for name, errors in measured_errors(data).items():
        lines.append(
            f"\n{name}: {len(errors)} runs, median error {statistics.median(errors):.1%}, worst "
            f"{max(errors):.1%}."
        )
    rates = ", ".join(f"{key} {value}" for key, value in data["speed"].items() if key != "device")
    lines.append(f"\nThe rates ({data['speed']['device']}): {rates}.")
    return "\n".join(lines)


def measured_errors(data: dict[str, Any]) -> dict[str, list[float]]:
    """Relative errors, without sign, of the memory and the time of every measured training."""
    from training_cost import predict, predict_seconds, speed_of

    speed = speed_of(data)
    return {
        "Memory": [abs(predict(run) / run["gib"] - 1) for run in data["run"]],
        "Time": [abs(predict_seconds(run, speed) / run["seconds"] - 1) for run in data["run"]],
    }


def read_measured() -> dict[str, Any]:
    """The measured trainings, as the file has them."""
    text = (HERE / "measured_memory.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _figures(name: str, *, untied: bool) -> Figures:
    model = Catalogue().get(name)
    if model is None:
        raise SystemExit(f"{name} is not in the catalogue")
    return model.figures.model_copy(update={"tie_word_embeddings": False} if untied else {})


if __name__ == "__main__":
    main()
