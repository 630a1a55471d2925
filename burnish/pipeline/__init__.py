"""Chains the rooms; skips finished steps. The functions here are those of the Python API."""

from burnish.pipeline.against import run_against
from burnish.pipeline.deploying import run_deploy
from burnish.pipeline.exporting import run_export
from burnish.pipeline.gather.gathering import (
    export_queue,
    run_gather,
    take_corrections,
    take_gathered,
)
from burnish.pipeline.history.comparing import compare_runs
from burnish.pipeline.history.history import read_history, read_run_history
from burnish.pipeline.history.mirroring import mirror
from burnish.pipeline.history.pruning import prune
from burnish.pipeline.judgements import (
    human_page,
    human_results,
    import_human_sheet,
    run_judge,
    write_human_sheet,
)
from burnish.pipeline.probing import run_probe
from burnish.pipeline.retune.retuning import run_retune
from burnish.pipeline.retune.rollout import read_stage_decisions
from burnish.pipeline.review import diff_data, export_data, fix_data, read_changes
from burnish.pipeline.search import run_search, run_seeds, take_search
from burnish.pipeline.serving import (
    add_key,
    deploy,
    drop_key,
    list_keys,
    promote,
    rollback,
    run_serve,
    traffic_states,
)
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
from burnish.pipeline.watch.judged_log import judge_log
from burnish.pipeline.watch.late_labels import take_labels
from burnish.pipeline.watch.scheduling import run_schedule
from burnish.pipeline.watch.watching import run_watch, watches

__all__ = [
    "add_key",
    "cancel_train",
    "compare_runs",
    "demo",
    "deploy",
    "diff_data",
    "drop_key",
    "export_data",
    "export_queue",
    "fix_data",
    "human_page",
    "human_results",
    "import_human_sheet",
    "init",
    "judge_log",
    "list_keys",
    "mirror",
    "promote",
    "prune",
    "read_changes",
    "read_history",
    "read_run_history",
    "read_stage_decisions",
    "rollback",
    "run",
    "run_against",
    "run_base",
    "run_data",
    "run_deploy",
    "run_evaluate",
    "run_export",
    "run_gather",
    "run_judge",
    "run_preflight",
    "run_probe",
    "run_retune",
    "run_schedule",
    "run_search",
    "run_seeds",
    "run_serve",
    "run_train",
    "run_watch",
    "shortlist",
    "take_corrections",
    "take_gathered",
    "take_labels",
    "take_search",
    "traffic_states",
    "watches",
    "write_human_sheet",
    "write_proposal",
]
