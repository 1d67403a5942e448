"""`schedule`: runs that nobody starts by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.artifacts import as_data
from assay.cli._answer import Answer, command
from assay.cli._promote import PANEL
from assay.errors import AssayError, ServersError, SpecError

if TYPE_CHECKING:
    from rich.console import Console

    from assay_flows import Schedule

Spec = Annotated[str, typer.Argument(metavar="[SPEC]", help="A spec, or the name of a schedule; none: all of them.")]


def schedule(
    spec: Spec = "",
    cron: Annotated[str, typer.Option(metavar="'M H D M W'", help="When: minute, hour, day, month, weekday.")] = "",
    timezone: Annotated[str, typer.Option(metavar="NAME", help="Whose hours, as in Europe/Berlin.")] = "UTC",
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="As in `run`.")] = None,
    search: Annotated[bool, typer.Option("--search", help="Only search, as `assay search` does.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Start no run until --resume.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Forget the schedule and the runs that wait.")] = False,
) -> Answer:
    """Run a spec at set times on the Prefect API of `assay up`, or say what is scheduled.

    A worker runs what is due. Of a schedule one run goes at a time; of runs that were missed one is made up for.
    """
    import assay_flows
    from assay import local
    from assay.ledger import find_home

    if sum((bool(cron), pause, resume, remove)) > 1 or (spec and not (cron or pause or resume or remove)):
        raise AssayError("With a SPEC one of --cron, --pause, --resume, --remove is needed, and only one.")
    if cron and not spec:
        raise AssayError("--cron needs the SPEC that is to be run.")
    home = find_home().resolve()
    api = local.find_api(home)
    if api is None:
        raise ServersError("No Prefect API answers. `assay up` starts one; or name yours in PREFECT_API_URL.")
    has_worker = True
    if cron:
        name, words = _scheduled(spec, set_ or [], home)
        has_worker = assay_flows.schedule(
            "search" if search else "train", name, api=api, home=home, cron=cron, timezone=timezone, parameters=words
        )
    elif spec:
        name = _name(spec)
        if remove:
            assay_flows.unschedule(name, api=api, home=home)
        else:
            assay_flows.pause(name, api=api, home=home, paused=pause)
    found = assay_flows.schedules(api=api, home=home)
    worker = (
        "" if has_worker else f"PREFECT_API_URL={api} prefect worker start --pool {assay_flows.POOL} --type process"
    )
    return Answer(
        {"schedules": as_data(found), "start_a_worker": worker}, lambda console: _show(console, found, worker)
    )


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    command(app, schedule, PANEL)


def _name(spec: str) -> str:
    from assay.spec.loading import load_spec

    return load_spec(spec).name if Path(spec).is_file() else spec


def _scheduled(spec: str, overrides: list[str], home: Path) -> tuple[str, dict[str, object]]:
    """The name and the parameters of the flow; a spec with a mistake is told now, not at three in the morning."""
    from assay import pipeline

    checked = pipeline.check(spec, overrides)
    if checked.spec is None or checked.mistakes:
        raise SpecError.of(list(checked.mistakes))
    return checked.spec.name, {"spec": str(Path(spec).resolve()), "home": str(home), "overrides": overrides}


def _show(console: Console, found: tuple[Schedule, ...], worker: str) -> None:
    from assay.cli import _print

    if not found:
        console.print("Nothing is scheduled. `assay schedule SPEC --cron '0 3 * * *'` does.")
        return
    rows = _print.table("name", "", "what", "when", "next", "late", right=("late",))
    for each in found:
        when = f"{each.cron} {each.timezone}" if each.cron else "never"
        rows.add_row(each.name, each.flow, each.what, when, "paused" if each.paused else each.next, str(each.n_late))
    console.print(rows)
    if worker:
        console.print(f"! No worker is there to run them. Start one:\n  {worker}")
