"""README.md beside exported files: the run's model card, or that there is none, and this export.

Reads the records and the report's model card; returns the text, writes nothing.
"""

from burnish.records import Export, Run

_LIBRARIES = {"adapter": "peft", "merged": "transformers", "gguf": "gguf"}


def render_readme(export: Export, run: Run, task_name: str, card: str | None, how: str) -> str:
    """The page.

    Args:
        card: model-card.md of the run's report; None where the run has not been evaluated.
        how: to load or use the files, as Markdown.
    """
    parts = [card.rstrip() if card else _without_report(export, run, task_name), ""]
    if card:
        parts[0] = parts[0].replace(
            "\nlibrary_name: peft\n", f"\nlibrary_name: {_LIBRARIES.get(export.form, 'vllm')}\n", 1
        )
    parts += [
        "## This export",
        "",
        f"Form {export.form}, precision {export.precision}. {_said(export)}",
    ]
    parts += ["", *(f"- {note}." for note in export.notes), *([""] if export.notes else [])]
    if export.parity is not None:
        parts += [proof(export), ""]
    return "\n".join([*parts, how.rstrip(), ""])


def proof(export: Export) -> str:
    """The figures of the proof, in sentences."""
    parity = export.parity
    if parity is None:
        return f"Not proved: {export.unproved}."
    bounds = parity.bounds
    largest = (
        "" if bounds.max_logit_difference is None else (f", bound {bounds.max_logit_difference:g}")
    )
    return (
        f"Loaded back and compared with the tuned weights over {parity.n} validation prompts "
        f"({parity.positions:,} positions, float32): logits differ by "
        f"{parity.max_logit_difference:.2g} at most{largest}, and by "
        f"{parity.mean_logit_difference:.2g} on average; KL divergence {parity.mean_kl:.2g} nats, "
        f"bound {bounds.mean_kl:g}; {parity.equal_answers} of {parity.n} greedy answers are equal, "
        f"bound {bounds.equal_answers:.0%}."
    )


def loading(export: Export, file: str) -> str:
    """How the files are loaded, as Markdown.

    Args:
        file: name of the GGUF file, where there is one.
    """
    if export.form == "adapter":
        return f"""\
    from peft import PeftModel                                  # over the base, {export.base}
    model = PeftModel.from_pretrained(base_model, "adapter")

    vllm serve BASE --enable-lora --lora-modules tuned=adapter
"""
    if export.form == "merged":
        return """\
    model = AutoModelForCausalLM.from_pretrained("model")       # transformers
    tokenizer = AutoTokenizer.from_pretrained("model")

    vllm serve model
"""
    return f"""\
    ollama create tuned -f Modelfile                            # Ollama

    llama-server -m {file} --jinja --temp 0                     # llama.cpp
"""


def _said(export: Export) -> str:
    if export.verdict is None:
        return "The run has no report, so whether it is any good is not known."
    if export.verdict == "ship":
        return "The verdict of its report is ship."
    return f"**The verdict of its report is not ship but: {export.verdict}.**"


def _without_report(export: Export, run: Run, task_name: str) -> str:
    return (
        f"# {task_name}\n\nRun {run.id}: {export.base} tuned by {run.settings.method}. It has not "
        "been evaluated on the sealed test split."
    )
