"""How long and how much memory does the data step need for a million rows?

    python bench/scale.py [rows] [parquet|jsonl]

Makes rows of 60 words from a vocabulary with word frequencies as in natural text; 5% repeat another
row, 5% repeat one with two words changed. Reads, cleans, de-duplicates (exact and near), splits and
writes them as `burnish data` does, in a process of its own; prints seconds by stage, the peak of
memory, and how many of the planted duplicates were found. Slow checks (personal data, wrong labels)
are left out: they look at a sample.

bench/scale_peers.py compares the near-duplicate search alone with other tools.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WORDS = 60


def main(rows: int, form: str) -> None:
    """Make the rows, then measure in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"rows.{form}"
        write_rows(file, rows)
        subprocess.run([sys.executable, __file__, "--measure", str(file)], check=True)


def write_rows(file: Path, count: int, seed: int = 0) -> None:
    """`count` rows of columns id, text and label; ids tell the planted duplicates."""
    import pyarrow
    import pyarrow.parquet

    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    vocabulary = np.array(
        sorted({"".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(60_000)})
    )
    rng.shuffle(vocabulary)
    weights = 1 / np.arange(2, len(vocabulary) + 2)
    weights /= weights.sum()
    originals = count * 9 // 10
    writer = None
    lines = file.open("w") if file.suffix == ".jsonl" else None
    kept: list[str] = []
    for start in range(0, count, 50_000):
        size = min(50_000, count - start)
        drawn = vocabulary[rng.choice(len(vocabulary), (size, WORDS), p=weights)]
        texts, ids = [], []
        for at, words in enumerate(drawn, start):
            if at < originals:
                texts.append(" ".join(words))
                ids.append(f"row-{at}")
                if len(kept) < 5000:
                    kept.append(texts[-1])
                continue
            of = (at * 7919) % len(kept)
            twin = kept[of].split()
            near = at % 2 == 1
            for place in rng.choice(WORDS, 2, replace=False) if near else ():
                twin[place] = vocabulary[(at * 31 + place) % len(vocabulary)]
            texts.append(" ".join(twin))
            ids.append(f"{'near' if near else 'exact'}-{at}-of-{of}")
        labels = [f"label-{value}" for value in rng.integers(0, 20, size)]
        # a duplicate must carry the label of its original
        labels = ["label-0" if not name.startswith("row-") else label
                  for name, label in zip(ids, labels, strict=True)]  # fmt: skip
        if start == 0:
            labels[:5000] = ["label-0"] * len(labels[:5000])
        if lines is not None:
            for row in zip(ids, texts, labels, strict=True):
                lines.write(json.dumps(dict(zip(("id", "text", "label"), row, strict=True))) + "\n")
            continue
        table = pyarrow.table({"id": ids, "text": texts, "label": labels})
        writer = writer or pyarrow.parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    if lines is not None:
        lines.close()


def measure(file: Path) -> None:
    """The data step's own way from the file to the three splits on disk."""
    from burnish.data.build import build
    from burnish.data.reading.readers import read
    from burnish.records import CheckSettings, DataSettings, Task
    from burnish.store.files import write_lines

    data = DataSettings(source=str(file), inputs=("text",), output=("label",), id="id")
    checks = CheckSettings(personal_data="off", label_errors="off")
    task = Task(name="scale", kind="classify", metric="macro_f1", data=data, checks=checks)
    began = time.monotonic()
    table = read(file)
    print(f"read      {time.monotonic() - began:7.1f} s   {peak():.2f} GB", flush=True)
    began = time.monotonic()
    built = build(task, {"source": table})
    print(f"build     {time.monotonic() - began:7.1f} s   {peak():.2f} GB", flush=True)
    began = time.monotonic()
    for name, examples in built.splits.items():
        write_lines(file.parent / f"{name}.jsonl", examples)
    print(f"write     {time.monotonic() - began:7.1f} s   {peak():.2f} GB", flush=True)
    reasons: dict[str, int] = {}
    for drop in built.dropped:
        reasons[drop.reason] = reasons.get(drop.reason, 0) + 1
    sizes = {name: len(examples) for name, examples in built.splits.items()}
    print(f"rows {built.rows_read:,}; splits {sizes}; dropped {reasons}")


def peak() -> float:
    """The most memory this process held so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
    else:
        main(int((sys.argv[1:] or ["1000000"])[0]), (sys.argv[2:] or ["jsonl"])[0])
