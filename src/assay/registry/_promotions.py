"""The promotion ledger of a registered model: an MLflow run whose parameters are the records.

Why parameters: they are the one thing in MLflow that is written once. Two that write the record of the same number at
once are told apart by the server: one wins, the other is refused, wherever the two stand. The same record written again
is no error, so a retry adds nothing. A record is written before the alias moves and says what is to happen; whoever
comes next finishes what a kill has left. What databases allow all the same, to change or delete a parameter, shows in
the chain of digests and in its head, which the registered model carries as a tag.
"""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from assay.artifacts import from_json, to_json
from assay.errors import LockedError, RegistryError
from assay.registry._record import Action, Chain, Promotion

HEAD, ANCHOR, DONE, PREVIOUS = "assay.promotions", "assay.promotion", "assay.moved.", "assay.previous_champion"
MAX_RECORD = 6000  # of a parameter in MLflow, which cuts off what is longer
BIRTH_WAIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be written: a record without its place in the chain."""

    action: Action
    alias: str
    version: int
    by: str
    reason: str
    evidence: str
    outcome: str
    bundle: str
    run_id: str = ""
    audit: str = ""
    waiver: str = ""
    proposed_by: str = ""


class PromotionLedger:
    """The ledger of the registered model `name`. To be used under the registry's lock of that name."""

    def __init__(self, client: MlflowClient, name: str, home: Path) -> None:
        self._client, self.name, self._home = client, name, home
        self._run: Run | None = None

    def read(self) -> Chain:
        """All records. Raises RegistryError when one was changed or deleted."""
        self._run = self._find()
        params = dict(self._run.data.params) if self._run is not None else {}
        chain = Chain(tuple(self._record(params[key], key) for key in sorted(params)))
        before = ""
        for number, record in enumerate(chain.records, start=1):
            if (record.number, record.before) != (number, before):
                raise self._broken(f"at record {number}")
            before = record.sha256
        self._holds_head(chain)
        return chain

    def append(self, chain: Chain, wish: Wish, holder: int) -> Chain:
        """Write the next record. Raises LockedError when somebody else has just written one."""
        record = Promotion(
            number=len(chain.records) + 1,
            from_version=holder,
            time=time.time(),
            before=chain.head,
            **asdict(wish),
        )
        text = to_json(record)
        if len(text) > MAX_RECORD:
            raise RegistryError(f"The record has {len(text)} characters. Allowed: {MAX_RECORD}. Give a shorter reason.")
        run = self._run = self._run or self._find() or self._begin()
        try:
            self._client.log_param(run.info.run_id, f"{record.number:04d}", text)
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            raise LockedError(f"{self.name}: {self._winner(record.number)}. Look, and run the same again.") from None
        grown = Chain((*chain.records, record))
        self._client.set_registered_model_tag(self.name, HEAD, f"{record.number} {grown.head}")
        return grown

    def settle(self, chain: Chain, alias: str, holder: int) -> int:
        """Finish the last move of `alias` where a kill came between record and move. Returns who holds it now."""
        last = chain.last(alias)
        if last is None or self._is_done(last):
            return holder
        if holder not in (last.from_version, last.version):
            return holder  # moved past the ledger since: not for us to undo
        number = str(last.version)
        if last.action == "promote" and last.from_version != last.version:
            self._client.set_model_version_tag(self.name, number, PREVIOUS, str(last.from_version))
        self._client.set_registered_model_alias(self.name, alias, number)
        self._client.set_model_version_tag(self.name, number, ANCHOR, f"{last.number} {last.sha256}")
        assert self._run is not None, "it holds the record"
        self._client.set_tag(self._run.info.run_id, f"{DONE}{alias}", str(last.number))
        return last.version

    def _is_done(self, record: Promotion) -> bool:
        assert self._run is not None, "it holds the record"
        found = self._client.get_run(self._run.info.run_id)
        return int(found.data.tags.get(f"{DONE}{record.alias}", "0")) >= record.number

    def _record(self, text: str, key: str) -> Promotion:
        try:
            return from_json(Promotion, text)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self._broken(f"at {key}, which cannot be read") from None

    def _holds_head(self, chain: Chain) -> None:
        found = self._client.search_registered_models(filter_string=f"name = '{self.name}'")
        head = found[0].tags.get(HEAD, "") if found else ""
        if not head:
            return
        number, _, digest = head.partition(" ")
        known = chain.records[int(number) - 1].sha256 if 0 < int(number) <= len(chain.records) else ""
        if known != digest:
            raise self._broken(f"at its head: record {number} is not the one that was written")

    def _broken(self, where: str) -> RegistryError:
        return RegistryError(
            f"The promotion ledger of {self.name} (MLflow experiment {_experiment(self.name)!r}) was changed {where}. "
            "Nothing is moved or served on its word; compare it with a backup of MLflow's database."
        )

    def _winner(self, number: int) -> str:
        records = self.read().records
        if len(records) < number:
            return "somebody else is moving an alias right now"
        won = records[number - 1]
        return f"{won.by} was faster ({won.action} of version {won.version}, alias {won.alias!r}, record {number})"

    # -------------------------------------------------------------------------------------------- its run

    def _find(self) -> Run | None:
        """The ledger's run: the first of its experiment."""
        experiment = self._client.get_experiment_by_name(_experiment(self.name))
        if experiment is None:
            return None
        if experiment.lifecycle_stage != "active":
            raise self._broken("as a whole: its experiment was deleted")
        found = self._client.search_runs([experiment.experiment_id], max_results=1, order_by=["start_time ASC"])
        return found[0] if found else None

    def _begin(self) -> Run:
        """Make the run. An experiment's name is unique, so of several at once one makes it and the others find it."""
        try:
            experiment = self._client.create_experiment(_experiment(self.name), artifact_location=self._artifacts())
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            deadline = time.monotonic() + BIRTH_WAIT_S
            while time.monotonic() < deadline:
                if (found := self._find()) is not None:
                    return found
                time.sleep(0.2)
            found = self._client.get_experiment_by_name(_experiment(self.name))  # its maker was killed
            assert found is not None, "its name is taken"
            experiment = found.experiment_id
        run = self._client.create_run(experiment, run_name=f"promotions of {self.name}")
        self._client.set_terminated(run.info.run_id)
        return run

    def _artifacts(self) -> str | None:
        if self._client.tracking_uri.startswith(("http://", "https://")):
            return None
        return (self._home / "mlflow" / "artifacts" / re.sub(r"[^\w.\-]", "_", _experiment(self.name))).as_uri()


def _experiment(name: str) -> str:
    return f"{name} promotions"
