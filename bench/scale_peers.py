"""The near-duplicate search of Burnish beside those of datasketch and text-dedup, on the same rows.

    python3 -m venv .peers/datasketch && .peers/datasketch/bin/pip install datasketch pyarrow
    python3 -m venv .peers/textdedup
    .peers/textdedup/bin/pip install text-dedup==0.4.0 datasets==2.21.0 pyarrow==16.1.0 "numpy<2"
    python bench/scale_peers.py [rows]

All search the same Parquet file for rows that share seven tenths of their runs of three words, with
20 bands of 4 hashes, each in a process of its own, one after the other, three times in turn;
text-dedup may use both cores and its fastest hash. Prints median seconds, rows a second, the peak
of memory of all of a tool's processes, and how many of the planted near-duplicates it found.
Burnish compares every candidate exactly; the others take candidates for duplicates.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from scale import write_rows

ROOT = Path(__file__).parents[1]
REPEATS = 3

OURS = """
import json, sys
import pyarrow.parquet as pq
from burnish.data.checks.duplicates import near_pairs
texts = pq.read_table(sys.argv[1], columns=["text"]).column("text").to_pylist()
pairs = near_pairs(texts, 0.7)
print(json.dumps(sorted({pair.second for pair in pairs})))
"""

DATASKETCH = """
import json, re, sys
import pyarrow.parquet as pq
from datasketch import MinHash, MinHashLSH
texts = pq.read_table(sys.argv[1], columns=["text"]).column("text").to_pylist()
lsh, found, word = MinHashLSH(num_perm=80, params=(20, 4)), [], re.compile(r"\\w+")
for at, text in enumerate(texts):
    words = word.findall(text.casefold())
    sketch = MinHash(num_perm=80)
    sketch.update_batch([" ".join(run).encode() for run in zip(words, words[1:], words[2:])])
    if lsh.query(sketch):
        found.append(at)
    lsh.insert(at, sketch)
print(json.dumps(found))
"""


def main(rows: int) -> None:
    """Run all tools in turn and print the table."""
    import pyarrow.parquet

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        write_rows(file, rows)
        ids = pyarrow.parquet.read_table(file, columns=["id"]).column("id").to_pylist()
        place = {name: at for at, name in enumerate(ids)}
        planted = {
            at: place[f"row-{name.rpartition('-')[2]}"]
            for at, name in enumerate(ids)
            if not name.startswith("row-")
        }
        out = Path(folder) / "out"
        commands = {
            "Burnish": [sys.executable, "-c", OURS, str(file)],
            "datasketch": [str(ROOT / ".peers/datasketch/bin/python"), "-c", DATASKETCH, str(file)],
            "text-dedup": [
                str(ROOT / ".peers/textdedup/bin/python"), "-m", "text_dedup.minhash",
                "--path", "parquet", "--data_files", str(file), "--split", "train",
                "--cache_dir", str(out / "cache"), "--output", str(out / "kept"),
                "--column", "text", "--ngram", "3", "--min_length", "0", "--num_perm", "80",
                "--b", "20", "--r", "4", "--hash_func", "xxh3", "--hash_bits", "32",
                "--num_proc", "2", "--batch_size", "10000",
            ],
        }  # fmt: skip
        measured: dict[str, list[tuple[float, float, int]]] = {name: [] for name in commands}
        for _ in range(REPEATS):
            for name, command in commands.items():
                seconds, peak, printed = run(command)
                if name == "text-dedup":
                    found = set(range(rows)) - kept(out / "kept", ids)
                    shutil.rmtree(out)
                else:
                    found = set(json.loads(printed))
                # of a pair of copies a tool may call either the duplicate
                hits = sum(at in found or of in found for at, of in planted.items())
                measured[name].append((seconds, peak, hits))
    print(f"{rows:,} rows of 60 words, {len(planted):,} planted duplicates")
    print("| tool | seconds | rows/s | peak memory, GB | planted found |\n|---|---|---|---|---|")
    for name, runs in measured.items():
        seconds = statistics.median(seconds for seconds, _, _ in runs)
        peak = statistics.median(peak for _, peak, _ in runs)
        share = runs[-1][2] / len(planted)
        print(f"| {name} | {seconds:.1f} | {rows / seconds:,.0f} | {peak:.2f} | {share:.3f} |")


def kept(folder: Path, ids: list[str]) -> set[int]:
    """Places of the rows that text-dedup kept."""
    import datasets

    names = set(datasets.load_from_disk(str(folder))["id"])
    return {at for at, name in enumerate(ids) if name in names}


def run(command: list[str]) -> tuple[float, float, str]:
    """Seconds, the peak of memory of the process and its children in GB, and what it printed."""
    with tempfile.TemporaryFile("w+") as printed:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.DEVNULL)
        peak = 0
        while process.poll() is None:
            try:
                tree = [psutil.Process(process.pid)]
                tree += tree[0].children(recursive=True)
                peak = max(peak, sum(one.memory_info().rss for one in tree))
            except psutil.Error:
                pass
            time.sleep(0.05)
        seconds = time.monotonic() - began
        if process.returncode:
            raise SystemExit(f"{command[0]} failed with code {process.returncode}")
        printed.seek(0)
        return seconds, peak / 1e9, printed.read()


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["200000"])[0]))
