"""The description on top of a run's page: what was decided, on which numbers, and where to read on."""

from __future__ import annotations

from collections.abc import Iterator

from assay.registry import summary
from assay.tracking._story import Story

MAX_NOTE = 8000


def note(story: Story, experiment_id: str, run_id: str) -> str:
    """Markdown. Links are those of MLflow's own pages."""
    return "\n\n".join(_parts(story, f"#/experiments/{experiment_id}/runs/{run_id}/artifacts"))[:MAX_NOTE]


def _parts(story: Story, artifacts: str) -> Iterator[str]:
    if story.decision is not None:
        yield f"**[Open the review page]({artifacts}/review.html)**{_version(story)}"
        yield summary(story.decision, story.evaluation.metrics if story.evaluation else ())
    elif story.reason:
        yield f"**No decision.** {story.reason}"
    else:
        yield "No decision yet."
    yield "\n".join(_lineage(story))


def _version(story: Story) -> str:
    found = story.registered
    if found is None:
        return ""
    held = f", which holds the alias `{found.alias}`" if found.holds_alias else ""
    return f" · [{found.name} version {found.version}](#/models/{found.name}/versions/{found.version}){held}"


def _lineage(story: Story) -> Iterator[str]:
    if story.snapshot is not None:
        source = story.snapshot.source
        yield f"* data: `{source.description}`, {story.snapshot.n_rows:,} rows, sha256 `{source.sha256[:16]}`"
    if story.folds is not None:
        folds = story.folds
        yield f"* folds: {folds.train.n_rows:,} train, {folds.valid.n_rows:,} valid, {folds.test.n_rows:,} test rows"
    if story.model is not None:
        model = story.model
        yield f"* model: {model.family}, {model.n_parameters:,} parameters, sha256 `{model.sha256[:16]}`"
