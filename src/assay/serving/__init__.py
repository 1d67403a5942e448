"""Many requests: one model version behind HTTP, or over a table of any size.

Why this shape. A `Live` model is everything that an answer depends on, loaded once: predictor, contract, schema. A
request takes the one that is live when it arrives and keeps it to its end, so a moved alias changes the *next* request
and drops none; a version that does not load changes nothing. The same expectations that held the training data hold
each row; a row outside of them is answered with the reason, never with a guess.

One row is read without a table (`preprocessing.Encoder.rows`), to the bit as a table of it would be, since making that
table costs more than the prediction. Many rows become a table, and go the way of every other table.

Small requests that are there at the same moment go through the network together, which waits for nobody.

Neither Ray nor Prefect is imported here: the extra `assay[serve]` is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assay.store import Store

if TYPE_CHECKING:
    from fastapi import FastAPI

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
SWITCH_S = 0.0005  # a request that meets the thread which looks at the alias would wait Python's 5 ms for its turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The registry: its MLflow, the state folder, and the store that models are loaded into."""

    uri: str
    home: Path
    store: Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """A second version: a `shadow` answers nobody and is compared, a `canary` answers `share` of the requests."""

    reference: str
    mode: Literal["shadow", "canary"] = "shadow"
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client may ask. `per_s` requests a second of one client, in bursts of as many; 0 is no limit."""

    max_rows: int = 1000
    max_body_bytes: int = 4_000_000
    per_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A table that was scored: with which version, how many rows, and how many parts were there from before."""

    name: str
    version: int
    n_rows: int
    n_refused: int
    n_parts: int
    n_reused: int
    path: str


def score(
    reference: str,
    data: Path,
    out: Path,
    where: Where,
    *,
    keep: tuple[str, ...] = (),
    rows_per_part: int = 131_072,
    told: Callable[[int], None] | None = None,
) -> Scored:
    """One answer for every row of `data` (Parquet, Arrow or CSV; a file or a folder), as Parquet parts in `out`.

    Columns: `row` (its number in the input), those to `keep`, `prediction`, for classes `p_CLASS`, and `refused`: why
    a row out of contract has no prediction. Killed and called again it goes on, with the version that it began with.
    Raises DataError when the data lack a column, or when `out` holds another scoring.
    """
    from assay.serving import _score

    return _score.score(reference, data, out, where, keep, rows_per_part, told)


def app(
    reference: str,
    where: Where,
    *,
    challenger: Challenger | None = None,
    limits: Limits | None = None,
    keys: tuple[str, ...] = (),
    hosts: tuple[str, ...] = (),
    poll_s: float = 2.0,
) -> FastAPI:
    """The web application that answers with the version which `reference` (`NAME@ALIAS`) means.

    With `keys` every path but `/health` and `/ready` wants one; with `hosts` other Host headers are refused. Raises
    RegistryError when the version does not load. Any server of ASGI runs it.
    """
    from assay.serving import _app

    return _app.make(reference, where, challenger, limits or Limits(), keys, hosts, poll_s)


def serve(
    reference: str,
    where: Where,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    challenger: Challenger | None = None,
    limits: Limits | None = None,
    keys: tuple[str, ...] = (),
    poll_s: float = 2.0,
    workers: int = 1,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until told to end; what is being answered then is answered. `ready` hears the address.

    `workers` processes share the port; one that dies is started anew. The limits hold for each of them. Raises
    ServersError when `host` can be reached from elsewhere and there is no key, or when the port is taken.
    """
    from assay.serving import _server

    _server.serve(reference, where, host, port, challenger, limits or Limits(), keys, poll_s, workers, ready)
