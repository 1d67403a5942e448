"""The version that answers now, and the thread that follows its alias."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np

from assay import gates, inference, registry
from assay.artifacts import TargetInfo
from assay.errors import AssayError, RegistryError
from assay.inference._predictor import Predicted
from assay.preprocessing._given import as_table
from assay.registry import Version
from assay.serving import Where
from assay.serving._contract import Contract
from assay.serving._schema import Requests

Row = dict[str, Any]
Answer = dict[str, Any]
NOT_FINITE = "the prediction is not a finite number."
FEW = 8  # rows of a request that is answered beside others
MANY = 64  # rows of a pass that are sooner read one by one than made into a table
log = logging.getLogger("assay.serving")


class Live:
    """A loaded version: everything that an answer depends on. Changes nothing, so threads may share it."""

    def __init__(self, version: Version, where: Where, max_rows: int) -> None:
        _refuse_lapsed(version)
        columns = version.calibration.inputs(version.model.preprocessing)
        self.version = version
        self.requests = Requests(columns, max_rows)
        self.contract = Contract(version.contract, columns)
        self.predictor = inference.predictor(version.model, version.calibration, store=where.store)
        self.head = {"name": version.name, "version": version.number, "alias": version.alias}
        blank: Row = dict.fromkeys(column.name for column in columns)
        for n_rows in (1, MANY + 1):  # warm, and known to work both ways before anybody asks
            self.predict([blank] * n_rows)

    def answers(self, rows: list[Row]) -> list[Answer]:
        """One answer a row: the prediction, or why there is none."""
        refusals = [self.contract.refusals(row) for row in rows]
        fine = [row for row, why in zip(rows, refusals, strict=True) if not why]
        predicted = iter(_plain(self.predict(fine), self.predictor.target) if fine else ())
        return [{"refused": why} if why else next(predicted) for why in refusals]

    def predict(self, rows: list[Row]) -> Predicted:
        """Predict rows that are within the contract."""
        if len(rows) <= MANY:
            return self.predictor.rows(rows)
        return self.predictor(as_table(rows, self.predictor.inputs))


class Follower:
    """Keeps `live` at what a reference means. A version that does not load leaves the one before, and `problem`."""

    def __init__(self, reference: str, where: Where, max_rows: int, poll_s: float) -> None:
        self.reference, self.problem = reference, ""
        self.looked: Callable[[Follower], None] = lambda _: None  # told after each look
        self._where, self._max_rows, self._poll_s = where, max_rows, poll_s
        self.live = self._loaded()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"assay-follow-{reference}", daemon=True)

    def start(self) -> None:
        """Look at the alias every `poll_s` seconds from now on. A reference by number never changes."""
        if "@" in self.reference and not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ending.set()

    def look(self) -> None:
        """Load the version that the alias points to, if that is another one."""
        try:
            number = registry.resolve(self.reference, uri=self._where.uri, home=self._where.home)
            if number == self.live.version.number:
                self.problem = ""
            else:
                self.live = self._loaded()
                self.problem = ""
                log.info("%s is version %d now", self.reference, self.live.version.number)
        except Exception as error:
            # Whatever is wrong with the new version or with MLflow, the old version goes on answering.
            told = str(error) if isinstance(error, AssayError) else f"{type(error).__name__}: {error}"
            if told != self.problem:
                log.error("version %d goes on answering: %s", self.live.version.number, told)
            self.problem = told

    def _follow(self) -> None:
        while not self._ending.wait(self._poll_s):
            self.look()
            self.looked(self)

    def _loaded(self) -> Live:
        where = self._where
        version = registry.load(self.reference, uri=where.uri, home=where.home, store=where.store)
        return Live(version, where, self._max_rows)


def _refuse_lapsed(version: Version) -> None:
    """Raise RegistryError when the version was promoted over a gate by a waiver that has ended."""
    ended = () if version.decision is None else gates.lapsed(version.decision, date.today())
    if ended:
        raise RegistryError(
            f"{version.name} version {version.number} is not loaded: it was let through by a waiver that has ended. "
            f"{'; '.join(ended)}. Run its spec again with a waiver that holds, or promote another version."
        )


def _plain(predicted: Predicted, target: TargetInfo) -> list[Answer]:
    """Predictions as JSON data."""
    y_hat = predicted.y_hat.tolist()
    if predicted.p_BO is None:
        # JSON has no infinity; a model that overflows has no prediction that anybody could use.
        return [{"prediction": y} if np.isfinite(y) else {"refused": [NOT_FINITE]} for y in y_hat]
    return [
        {"prediction": target.classes[y], "probabilities": dict(zip(target.classes, p, strict=True))}
        for y, p in zip(y_hat, predicted.p_BO.tolist(), strict=True)
    ]
