"""The balance of clinc150's skewed training set, and what both samplers and the weights make of it.

    python bench/balance.py

Real data are found through the variable BURNISH_DATA (docs/data-sets.md).
"""

import os
from pathlib import Path

from burnish.data.build import build
from burnish.data.check import check
from burnish.data.reading.readers import read
from burnish.records import CheckSettings, DataSettings, Task


def main() -> None:
    """Print a row for each way to even out the labels of the training split."""
    folder = Path(os.environ["BURNISH_DATA"]) / "classification-clinc150"
    files = {"train": "train_imbalanced", "validation": "validation", "test": "test"}
    paths = {role: str(folder / f"{name}.jsonl") for role, name in files.items()}
    data = DataSettings(inputs=("text",), output=("label",), **paths)
    tables = {role: read(path) for role, path in paths.items()}
    print(
        "| balance | train | largest : smallest label | entropy | weights |\n|---|---|---|---|---|"
    )
    for how in ("none", "oversample", "undersample", "weights"):
        checks = CheckSettings(
            balance=how, near_duplicates="off", personal_data="off", label_errors="off",
            most_rows=1000,
        )  # fmt: skip
        task = Task(name="t", kind="classify", metric="macro_f1", data=data, checks=checks)
        done = check(task, build(task, tables))
        shown = done.report.balance
        if shown is None:
            raise SystemExit("no balance was measured")
        after = how != "none"
        ratio = shown.ratio_after if after else shown.ratio
        entropy = shown.entropy_after if after else shown.entropy
        weights = sorted(done.weights.values())
        spread = f"{weights[0]:.2f} to {weights[-1]:.2f}" if weights else "–"
        print(f"| {how} | {len(done.train):,} | {ratio:.2f} | {entropy:.4f} | {spread} |")
        if how == "none":
            minority = len(shown.minority)
    print(f"Labels with less than half their even share before: {minority}")


if __name__ == "__main__":
    main()
