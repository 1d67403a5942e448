"""The promotion ledger: every move written down, once, in a chain that shows a change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assay import registry
from assay.errors import AssayError, LockedError, RegistryError
from assay.registry import Chain, Promotion
from tests.registry.example import Registry, promote, refuse

pytestmark = pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")  # of MLflow's own queries


@pytest.fixture
def three(mlflow: Registry) -> Registry:
    """Version 1 holds the alias, 2 was refused, 3 was promoted over 1."""
    mlflow.register(mlflow.model(1), promote())
    mlflow.register(mlflow.model(2), refuse(over=1))
    mlflow.register(mlflow.model(3), promote(over=1))
    return mlflow


def move(mlflow: Registry, version: int, **options: Any) -> Promotion:
    around = {"uri": mlflow.uri, "home": mlflow.home, "store": mlflow.store}
    return registry.promote("adult", version, "champion", **({"by": "ann"} | around | options))


def back(mlflow: Registry, **options: Any) -> Promotion:
    return registry.rollback(
        "adult", "champion", by="ann", uri=mlflow.uri, home=mlflow.home, store=mlflow.store, **options
    )


def chain(mlflow: Registry) -> Chain:
    return registry.history("adult", uri=mlflow.uri, home=mlflow.home)[0]


def holder(mlflow: Registry) -> int | None:
    found = mlflow.client.search_registered_models("name = 'adult'")
    return found[0].aliases.get("champion") if found else None


def ledger_run(mlflow: Registry) -> Any:
    experiment = mlflow.client.get_experiment_by_name("adult promotions")
    (run,) = mlflow.client.search_runs([experiment.experiment_id])
    return run


def test_a_decision_to_promote_is_a_record_of_who_when_from_what_and_on_which_evidence(three: Registry) -> None:
    first, second = chain(three).records
    assert [(r.action, r.version, r.from_version) for r in (first, second)] == [("promote", 1, 0), ("promote", 3, 1)]
    tags = three.client.get_model_version("adult", "3").tags
    assert second.evidence == tags["assay.promoted_by"]
    assert second.bundle == json.loads(tags["assay.manifest"])["sha256"]
    assert second.before == first.sha256
    assert tags["assay.promotion"] == f"2 {second.sha256}"
    assert second.run_id == three.client.get_model_version("adult", "3").run_id
    assert abs(second.time - time.time()) < 60


def test_a_record_names_the_evidence_that_was_audited(mlflow: Registry) -> None:
    mlflow.register(mlflow.model(1), promote(), evidence="e" * 64)
    mlflow.register(mlflow.model(2), refuse(over=1), evidence="f" * 64)
    move(mlflow, 2, waiver="a test")
    assert [record.audit[0] for record in chain(mlflow).records] == ["e", "f"]


def test_a_rollback_goes_to_the_version_before_and_then_to_the_one_before_that(three: Registry) -> None:
    three.register(three.model(4), promote(over=3))
    assert back(three, reason="it was slow").version == 3
    assert holder(three) == 3
    assert back(three).version == 1
    with pytest.raises(RegistryError, match="nothing to go back to"):
        back(three)
    assert [r.action for r in chain(three).records] == ["promote"] * 3 + ["rollback"] * 2


def test_a_refused_model_is_promoted_only_with_a_waiver_that_the_record_keeps(three: Registry) -> None:
    with pytest.raises(RegistryError, match=r"parity gate failed.*--waive"):
        move(three, 2)
    assert holder(three) == 3
    assert move(three, 2, waiver="the regulator asks for it").waiver == "the regulator asks for it"
    assert holder(three) == 2


def test_a_proposal_moves_nothing_until_a_second_person_signs_it(three: Registry) -> None:
    three.register(three.model(4), promote(over=3), sign_off=True)
    assert holder(three) == 3
    assert chain(three).records[-1].action == "propose"
    by = chain(three).records[-1].by
    with pytest.raises(RegistryError, match="second person"):
        move(three, 4, by=by)
    signed = move(three, 4, by="bob")
    assert (signed.proposed_by, signed.by, signed.version) == (by, "bob", 4)
    assert holder(three) == 4
    assert not three.register(three.model(5), promote(over=4), sign_off=True).holds_alias


def test_the_same_promotion_again_adds_nothing(three: Registry) -> None:
    first = move(three, 1)
    assert move(three, 1, by="bob") == first
    assert len(chain(three).records) == 3
    three.register(three.model(3), promote(over=1))
    assert holder(three) == 1  # a retry of an old decision takes nothing back


@pytest.mark.parametrize("damage", ["changed", "deleted", "first deleted"])
def test_a_record_that_was_changed_or_deleted_stops_everything(three: Registry, damage: str) -> None:
    import sqlite3

    run_id = ledger_run(three).info.run_id
    with sqlite3.connect(three.uri.removeprefix("sqlite:///")) as database:
        if damage == "changed":
            statement = "update params set value = replace(value, '\"version\":1', '\"version\":2') where run_uuid = ?"
            database.execute(statement + " and key = '0001'", (run_id,))
        else:
            key = "0002" if damage == "deleted" else "0001"
            database.execute("delete from params where run_uuid = ? and key = ?", (run_id, key))
    for attempt in (lambda: chain(three), lambda: move(three, 1), lambda: back(three)):
        with pytest.raises(RegistryError, match=r"ledger of adult .* was changed"):
            attempt()
    assert holder(three) == 3


@pytest.mark.parametrize("name", ["weights.safetensors", "MLmodel", "manifest.json", "calibration.json"])
def test_a_model_that_was_changed_after_the_audit_is_refused(three: Registry, name: str) -> None:
    folder = Path(three.client.get_model_version_download_uri("adult", "1").removeprefix("file://"))
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    for attempt in (lambda: move(three, 1), lambda: back(three)):
        with pytest.raises(RegistryError):
            attempt()
    assert holder(three) == 3
    assert len(chain(three).records) == 2


def test_a_model_whose_manifest_and_tag_were_changed_together_is_refused(three: Registry) -> None:
    other = three.client.get_model_version("adult", "2").tags["assay.manifest"]
    three.client.set_model_version_tag("adult", "1", "assay.manifest", other)
    with pytest.raises(RegistryError, match="changed after it was judged"):
        move(three, 1)


def test_of_two_promotions_at_once_one_wins_and_one_says_so(three: Registry) -> None:
    def attempt(version: int) -> Promotion | AssayError:
        try:
            return move(three, version, by=f"person {version}", waiver="a race")
        except LockedError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(attempt, (1, 2)))
    won = [result for result in results if isinstance(result, Promotion)]
    lost = [result for result in results if isinstance(result, LockedError)]
    assert len(won) == len(lost) == 1
    assert f"person {won[0].version} was faster" in str(lost[0])
    assert holder(three) == won[0].version
    assert len(chain(three).records) == 3


RACE = """
import sys, time
from pathlib import Path
from assay import registry
from assay.store import Store
uri, home, version, at = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
from assay.registry import _moves, _promotions
real = _promotions.PromotionLedger.append
def append(self, *args):
    time.sleep(max(0, at - time.time()))  # both have read the same chain by now
    return real(self, *args)
_promotions.PromotionLedger.append = append
try:
    registry.promote("adult", version, "champion", by=f"p{version}", waiver="race", uri=uri, home=home,
        store=Store(home / "store"))
    print("won")
except registry.AssayError as error:
    print("lost:", error)
"""


def test_two_machines_that_share_no_lock_are_told_apart_by_mlflow_itself(three: Registry, tmp_path: Path) -> None:
    at = time.time() + 8
    racers = []
    for version in (1, 2):
        home = tmp_path / f"machine{version}"
        command = [sys.executable, "-W", "ignore", "-c", RACE, three.uri, str(home), str(version), str(at)]
        racers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ))
    said = [racer.communicate(timeout=60)[0].splitlines()[-1] for racer in racers]
    assert sorted(word.split(":")[0] for word in said) == ["lost", "won"], said
    assert "was faster" in next(word for word in said if word.startswith("lost"))
    records = chain(three).records
    assert len(records) == 3
    assert holder(three) == records[-1].version


STEPS = ["log_param", "set_registered_model_tag", "set_registered_model_alias", "set_tag", "set_model_version_tag"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_promotion_that_was_killed_anywhere_is_finished_by_the_next_and_once(
    three: Registry, monkeypatch: pytest.MonkeyPatch, step: str, moment: str
) -> None:
    from mlflow import MlflowClient

    real = getattr(MlflowClient, step)

    def killed(*args: object, **kwargs: object) -> None:
        if moment == "after":
            real(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, killed)
        with pytest.raises(KeyboardInterrupt):
            move(three, 1)
    assert holder(three) in (1, 3)
    assert move(three, 1).version == 1
    assert holder(three) == 1
    assert [r.version for r in chain(three).records] == [1, 3, 1]


def test_an_alias_that_was_moved_past_the_ledger_shows_and_goes_back(three: Registry) -> None:
    three.client.set_registered_model_alias("adult", "champion", "2")
    found, now = registry.history("adult", uri=three.uri, home=three.home)
    last = found.last("champion")
    assert last is not None
    assert (last.version, now["champion"]) == (3, 2)
    assert back(three).version == 3
    assert holder(three) == 3
    assert back(three).version == 1


def test_the_champion_of_any_date_can_be_told(three: Registry) -> None:
    found = chain(three)
    first, second = found.records
    assert found.last("champion", first.time - 1) is None
    held = [found.last("champion", moment) for moment in (first.time, (first.time + second.time) / 2, second.time)]
    assert [record.version for record in held if record] == [1, 1, 3]


def test_a_version_that_is_not_there_is_named_with_those_that_are(three: Registry) -> None:
    with pytest.raises(RegistryError, match=r"no version 9.*1, 2, 3"):
        move(three, 9)
    with pytest.raises(RegistryError, match="no registered model 'nobody'"):
        registry.history("nobody", uri=three.uri, home=three.home)
