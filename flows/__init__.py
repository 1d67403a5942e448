"""Prefect flows of assay: the chain of `assay.pipeline`, watched by Prefect.

Nothing happens here that does not happen without Prefect. A flow calls the pipeline and gives it one more way to call a
stage, as a task; Prefect's states are a view of what the ledger knows. Therefore there are no retries, no caching and
no stored results here: the ledger has them. This front imports no Prefect.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from assay.pipeline import RunResult, SearchResult

Listener = Callable[[dict[str, Any]], None]
POOL = "assay"  # the work pool of this machine's workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A run that went through Prefect: its result, and the address of its flow run in Prefect's UI.

    `lost` is True when Prefect stopped answering meanwhile. Its threads then go on trying for minutes, and hold up the
    end of the process.
    """

    result: RunResult
    url: str
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a flow runs: `cron` in `timezone`. `next` is an ISO time or empty; `n_late` runs wait for a worker."""

    name: str
    flow: str
    what: str
    cron: str
    timezone: str
    paused: bool
    next: str
    n_late: int


def run_training(
    spec: Path,
    *,
    api: str,
    home: Path,
    overrides: Sequence[str] = (),
    fresh: bool = False,
    listen: Listener | None = None,
) -> Trained:
    """Run the spec at `spec` as a flow of the Prefect API at `api`; `listen` hears every event of the run.

    Raises what the pipeline raises; the flow run is then Failed, or Cancelled.
    """
    _at_home(home)
    from assay_flows import train

    return train.run(spec, api=api, home=home, overrides=tuple(overrides), fresh=fresh, listen=listen)


def run_search(
    spec: Path, *, api: str, home: Path, overrides: Sequence[str] = (), listen: Listener | None = None
) -> SearchResult:
    """Search the space of the spec at `spec` as a flow of the Prefect API at `api`. Raises what the pipeline raises."""
    _at_home(home)
    from assay_flows import search

    return search.run(spec, api=api, home=home, overrides=tuple(overrides), listen=listen)


@contextmanager
def _asking(api: str, home: Path) -> Iterator[None]:
    _at_home(home)
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api}):
        yield


def schedule(
    kind: Literal["train", "search", "score"],
    name: str,
    *,
    api: str,
    home: Path,
    cron: str,
    timezone: str,
    parameters: dict[str, Any],
) -> bool:
    """Have the flow called `kind` run at those times, as the schedule `name`. True when a worker is there to run it.

    The same name again changes it. Raises AssayError for a wrong time.
    """
    with _asking(api, home):
        from assay_flows import _schedules

        _schedules.make_pool()
        _schedules.put(kind, name, cron, timezone, parameters)
        return _schedules.has_worker()


def schedules(*, api: str, home: Path) -> tuple[Schedule, ...]:
    """Every schedule."""
    with _asking(api, home):
        from assay_flows import _schedules

        return _schedules.listed()


def pause(name: str, *, api: str, home: Path, paused: bool = True) -> None:
    """Pause a schedule, or let it go on. Raises AssayError when there is none of that name."""
    with _asking(api, home):
        from assay_flows import _schedules

        _schedules.switch(name, paused)


def unschedule(name: str, *, api: str, home: Path) -> None:
    """Remove a schedule and its runs that wait. Raises AssayError when there is none of that name."""
    with _asking(api, home):
        from assay_flows import _schedules

        _schedules.remove(name)


def _at_home(home: Path) -> None:
    if "PREFECT_API_URL" not in os.environ:  # an API of ours: Prefect keeps its files at home, not in ~/.prefect
        os.environ.setdefault("PREFECT_HOME", str(home / "prefect"))
    os.environ.setdefault("DO_NOT_TRACK", "1")
