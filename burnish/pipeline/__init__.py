"""Chains the rooms; skips finished steps. The functions here are those of the Python API."""

from burnish.pipeline.against import run_against
from burnish.pipeline.exporting import run_export
from burnish.pipeline.judgements import (
    human_page,
    human_results,
    import_human_sheet,
    run_judge,
    write_human_sheet,
)
from burnish.pipeline.probing import run_probe
from burnish.pipeline.review import diff_data, export_data, fix_data, read_changes
from burnish.pipeline.search import run_search, run_seeds, take_search
from burnish.pipeline.steps import (
    cancel_train,
    demo,
    init,
    run,
    run_base,
    run_data,
    run_evaluate,
    run_preflight,
    run_train,
    shortlist,
    write_proposal,
)

__all__ = [
    "cancel_train",
    "demo",
    "diff_data",
    "export_data",
    "fix_data",
    "human_page",
    "human_results",
    "import_human_sheet",
    "init",
    "read_changes",
    "run",
    "run_against",
    "run_base",
    "run_data",
    "run_evaluate",
    "run_export",
    "run_judge",
    "run_preflight",
    "run_probe",
    "run_search",
    "run_seeds",
    "run_train",
    "shortlist",
    "take_search",
    "write_human_sheet",
    "write_proposal",
]
