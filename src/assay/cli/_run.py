"""`run` and `plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from assay.cli._answer import Answer, command

if TYPE_CHECKING:
    from assay.cli._progress import Watch
    from assay.pipeline import RunResult
    from assay.spec import Spec
    from assay_flows import Trained

PANEL = "A model"
Orchestrator = Literal["auto", "prefect", "none"]
SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="The YAML file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="A.B=VALUE", help="Set one value of the spec; may be given again.", show_default=False
    ),
]


def run(
    spec: SpecFile,
    overrides: Overrides = None,
    orchestrator: Annotated[
        Orchestrator, typer.Option(help="Run as a Prefect flow, in this process, or whichever there is.")
    ] = "auto",
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every stage anew, whatever is stored.")] = False,
) -> Answer:
    """Take real data to a decision: validate, train, evaluate, audit, decide, register.

    Stages whose inputs have not changed are reused. Ends with 0 when the model was promoted, 2 when a gate refused it,
    3 when a gate could not tell.
    """
    from assay.cli import _result
    from assay.cli._progress import Watch
    from assay.ledger import find_home

    home, words = find_home(), tuple(overrides or ())
    loaded = understood(spec, words)  # before any flow: a mistake in the spec means that nothing has run
    with Watch() as watch:
        api = api_of(home, orchestrator, watch)
        trained = None if api is None else _as_flow(spec, words, api, home, fresh, watch)
        result = trained.result if trained is not None else _here(loaded, home, fresh, watch)
    url, lost = (trained.url, trained.lost) if trained is not None else ("", False)
    data = result.as_data() | {"addresses": _result.addresses(result, url)}
    return Answer(data, lambda console: _result.show(console, result, url, home), result.exit_code, at_once=lost)


def plan(spec: SpecFile, overrides: Overrides = None) -> Answer:
    """Say which stages would run now, and which input is the reason.

    Says also how long each took last time, and what the gates will ask. Runs nothing.
    """
    from assay import pipeline
    from assay.cli import _result
    from assay.ledger import find_home

    planned = pipeline.plan(understood(spec, tuple(overrides or ())), home=find_home())
    return Answer(planned.as_data(), lambda console: _result.show_plan(console, planned))


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    command(app, run, PANEL)
    command(app, plan, PANEL)


def understood(path: Path, overrides: tuple[str, ...]) -> Spec:
    """The spec at `path`. Raises SpecError with all that `assay check` finds, where it cannot be understood."""
    from assay.errors import SpecError
    from assay.spec.loading import load_spec

    try:
        return load_spec(path, overrides)
    except SpecError as error:
        from assay import pipeline

        found = pipeline.check(path, overrides).mistakes
        raise SpecError.of(found or error.mistakes) from None


def api_of(home: Path, orchestrator: Orchestrator, watch: Watch) -> str | None:
    """The Prefect API to use, or None for this process. Raises ServersError where `prefect` is asked for in vain."""
    from assay import local
    from assay.errors import ServersError

    if orchestrator == "none":
        return None
    api = local.find_api(home)
    if api is None and orchestrator == "prefect":
        raise ServersError("No Prefect API answers. Start one with `assay up`, or set PREFECT_API_URL to yours.")
    if api is None:
        watch.say(f"No Prefect API answers for {home} (`assay up` starts one): running in this process.")
    return api


def _here(loaded: Spec, home: Path, fresh: bool, watch: Watch) -> RunResult:
    from assay import pipeline

    return pipeline.run(loaded, home=home, listen=watch.hear, fresh=fresh)


def _as_flow(spec: Path, overrides: tuple[str, ...], api: str, home: Path, fresh: bool, watch: Watch) -> Trained:
    import assay_flows

    return assay_flows.run_training(spec, api=api, home=home, overrides=overrides, fresh=fresh, listen=watch.hear)
