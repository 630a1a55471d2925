"""How much do more worked examples help the base model? Scores few-shot prompts on validation.

    python bench/few_shot.py my-task 1 3 5

The sealed test split stays closed. Prints the primary metric for each number of worked examples,
on the first 50 validation examples.
"""

import sys
import tempfile
from pathlib import Path

from burnish.base.load import end_tokens, load_model, load_tokenizer
from burnish.brief.file import read_brief
from burnish.chat.render import Renderer
from burnish.engines.local import LocalEngine
from burnish.evaluate.answering import answer_examples
from burnish.evaluate.compare import score_system
from burnish.evaluate.shots import choose_shots
from burnish.records import BaseChoice, Dataset
from burnish.store import Workspace, read_split


def main(folder: str, counts: list[int]) -> None:
    """Print a line for each number of worked examples."""
    workspace = Workspace(folder)
    task = read_brief(workspace.brief)
    dataset, base = workspace.records(Dataset)[-1], workspace.records(BaseChoice)[-1]
    tokenizer = load_tokenizer(Path(base.path))
    engine = LocalEngine(load_model(base, task.train), end_tokens(Path(base.path), tokenizer))
    train = read_split(workspace, dataset, "train")
    validation = read_split(workspace, dataset, "validation")[:50]
    for count in counts:
        prompt = task.prompt.model_copy(update={"shots": count})
        asked = task.model_copy(update={"prompt": prompt})
        with tempfile.TemporaryDirectory() as parts:
            answers = answer_examples(
                asked,
                dataset.labels,
                validation,
                engine=engine,
                renderer=Renderer(tokenizer, asked),
                shots=choose_shots(asked, train),
                parts=Path(parts) / "few-shot.jsonl",
                tell=lambda _: None,
            )
        name, what = "few-shot", f"{count} worked examples"
        result = score_system(asked, dataset.labels, name, what, answers, validation)
        score = result.scores[task.metric]
        print(
            f"{count} worked examples: {task.metric} {score.value:.3f} "
            f"[{score.low:.3f}, {score.high:.3f}], n = {score.n}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1], [int(count) for count in sys.argv[2:]])
