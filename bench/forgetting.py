"""What a finished run has forgotten, and how long it takes to see it.

    python bench/forgetting.py WORKSPACE

Compares the newest complete run of the workspace with its base on the general set and on the tasks
of `evaluate.harness`, prints the figures and the prompts lost and gained, and the processor seconds
of each model, loading included.
"""

import sys
import time

from burnish.evaluate.forgetting import measure_forgetting
from burnish.evaluate.general_set import INSTRUCTIONS
from burnish.pipeline.data import renderer_of
from burnish.pipeline.harness import harness_of
from burnish.pipeline.stepping import task_of
from burnish.pipeline.steps import _engine
from burnish.records import BaseChoice, Run
from burnish.store import Workspace


def main(folder: str) -> None:
    """Print the figures of one workspace."""
    workspace = Workspace(folder)
    task = task_of(workspace)
    base = [each for each in workspace.records(BaseChoice) if each.status == "complete"][-1]
    run = [each for each in workspace.records(Run) if each.status == "complete"][-1]
    began: dict[str, float] = {}
    found = measure_forgetting(
        task,
        lambda system: _engine(workspace, task, base, run, system),
        renderer_of(task, base),
        lambda name: began.setdefault(name, time.process_time()),
        harness_of(workspace, task),
    )
    end = time.process_time()
    if found is None:
        print("The run is at a provider, so nothing is scored.")
        return
    low, high = f"{found.rise_low:+.1%}", f"{found.rise_high:+.1%}"
    print(
        f"perplexity of {found.texts} texts, {found.tokens} tokens: base "
        f"{found.base_perplexity:.2f}, tuned {found.tuned_perplexity:.2f}, {found.rise:+.1%} "
        f"[{low}, {high}]"
    )
    print(
        f"prompts answered as asked, of {len(INSTRUCTIONS)}: base {found.base_passed}, tuned "
        f"{found.tuned_passed}, p = {found.p_value:.3f}"
    )
    print(f"lost: {', '.join(found.lost) or 'none'}; gained: {', '.join(found.gained) or 'none'}")
    for each in found.harness:
        print(
            f"{each.task}, {each.metric} of {each.n}: base {each.base:.3f}, tuned "
            f"{each.tuned:.3f}, {each.difference:+.3f} [{each.low:+.3f}, {each.high:+.3f}]"
        )
    print(found.warning or "no warning")
    print(
        f"base {began['tuned'] - began['zero-shot']:.1f} s of processor time, "
        f"tuned {end - began['tuned']:.1f} s"
    )


if __name__ == "__main__":
    main(sys.argv[1])
