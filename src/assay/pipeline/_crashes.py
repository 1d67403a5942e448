"""Runs whose process is gone must not stay running for ever, neither in the ledger nor in MLflow.

A run is alive for as long as its process holds the run's lock, and the kernel takes that back however the process dies.
So there is no lease to renew, no clock to believe, and no process id that may be somebody else's by now.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from assay import tracking
from assay.errors import LockedError
from assay.ledger import EventLog, Ledger, RunRow


def reconcile(ledger: Ledger, but: str = "") -> tuple[RunRow, ...]:
    """Write down the end of runs that never did so, and tell MLflow. The run with the key `but` is left alone."""
    silent = [row for row in ledger.runs() if row.state == "crashed" and row.ended is None and row.run_key != but]
    ended = tuple(row for row in (_end(ledger, row) for row in silent) if row is not None)
    if ended:
        tracking.sync(ledger.home, only=frozenset(row.run_id for row in ended))
    return ended


def _end(ledger: Ledger, row: RunRow) -> RunRow | None:
    """Write the end of a run while holding its lock; None when another process has taken it up meanwhile."""
    try:
        with ledger.lock(f"run-{row.run_key}", doing=f"the run of {row.name!r}"):
            known = ledger.run(row.run_id)
            if known.state != "running":
                return None
            last = max(ledger.events(row.run_id), key=lambda event: int(event["seq"]), default={"time": row.started})
            reason = f"Process {known.pid} ended without a word. The same command goes on where it was."
            if last.get("kind") != "run_ended":
                with closing(EventLog(ledger.folder(row.run_id) / "events.jsonl")) as log:
                    log.emit("run_ended", state="crashed", outcome="", reason=reason, time=last["time"])
            ended = replace(known, state="crashed", ended=float(last["time"]), reason=reason)
            ledger.save(ended)
            return ended
    except LockedError:
        return None
