"""Burnish turns a general language model into a specialist for one task, and proves it.

The steps of the command line as functions, each from a workspace to a record:

    import burnish

    workspace = burnish.Workspace("my-task")
    proposal = burnish.init({"source": "notes.csv"}, workspace, {})
    burnish.write_proposal(workspace, proposal)
    report = burnish.run(workspace)
    print(report.verdict.decision, report.verdict.reason)

`run_data`, `run_base`, `run_train` and `run_evaluate` are its single steps; the others go round
them: decisions, versions and exports of data, the shortlist of bases, judges, people's votes.
`run_export` writes a run for other engines. `read_history` tells what was made from what, and who
answered when. `run_gather` queues what is most worth a label, and `take_gathered` takes the labels.
`run_retune` tunes again on them, if that is better than what serves.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from burnish.errors import BurnishError
    from burnish.pipeline import (
        cancel_train,
        compare_runs,
        demo,
        diff_data,
        export_data,
        export_queue,
        fix_data,
        human_page,
        human_results,
        import_human_sheet,
        init,
        mirror,
        prune,
        read_changes,
        read_history,
        read_run_history,
        run,
        run_against,
        run_base,
        run_data,
        run_evaluate,
        run_export,
        run_gather,
        run_judge,
        run_preflight,
        run_probe,
        run_retune,
        run_search,
        run_seeds,
        run_train,
        shortlist,
        take_corrections,
        take_gathered,
        take_search,
        write_human_sheet,
        write_proposal,
    )
    from burnish.store import Workspace

_HOME = {"BurnishError": "burnish.errors", "Workspace": "burnish.store"}

__all__ = [
    "BurnishError",
    "Workspace",
    "cancel_train",
    "compare_runs",
    "demo",
    "diff_data",
    "export_data",
    "export_queue",
    "fix_data",
    "human_page",
    "human_results",
    "import_human_sheet",
    "init",
    "mirror",
    "prune",
    "read_changes",
    "read_history",
    "read_run_history",
    "run",
    "run_against",
    "run_base",
    "run_data",
    "run_evaluate",
    "run_export",
    "run_gather",
    "run_judge",
    "run_preflight",
    "run_probe",
    "run_retune",
    "run_search",
    "run_seeds",
    "run_train",
    "shortlist",
    "take_corrections",
    "take_gathered",
    "take_search",
    "write_human_sheet",
    "write_proposal",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts at once."""
    if name not in __all__:
        raise AttributeError(f"module 'burnish' has no attribute {name!r}")
    return getattr(import_module(_HOME.get(name, "burnish.pipeline")), name)
