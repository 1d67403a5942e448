"""The web application: what it answers, whom it lets in, and which version speaks."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay import inference, registry, serving
from assay.artifacts import Calibration, GateResult
from assay.errors import RegistryError
from assay.serving import Challenger, Limits
from assay.serving._live import MANY, Live
from assay.serving._together import Together
from assay.store import Store
from tests.serving.conftest import ROW, Registered, TestClient

pytestmark = pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")  # of MLflow's own queries


def ask(client: TestClient, *rows: dict[str, Any], **options: Any) -> Any:
    return client.post("/predict", json={"rows": list(rows)}, **options)


def wait_for(condition: Any, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_answer_says_the_class_the_probabilities_and_the_version(client: TestClient) -> None:
    reply = ask(client, ROW).json()
    assert reply["model"] == {"name": "adult", "version": 1, "alias": "champion"}
    (answer,) = reply["predictions"]
    assert set(answer["probabilities"]) == {"<=50K", ">50K"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert answer["prediction"] == max(answer["probabilities"], key=answer["probabilities"].get)


@pytest.mark.parametrize("n_rows", [1, 5, 300])
def test_answers_are_those_of_the_batch_path(client: TestClient, registered: Registered, n_rows: int) -> None:
    trained = registered.trained
    table = trained.table.slice(0, n_rows)
    predictor = inference.predictor(trained.models["mlp"], Calibration(threshold=0.5), store=trained.store)
    expected = predictor(table)
    assert expected.p_BO is not None
    rows = table.drop_columns("income").to_pylist()
    answers = ask(client, *rows).json()["predictions"]
    assert not any("refused" in answer for answer in answers)
    p_B = np.array([answer["probabilities"][">50K"] for answer in answers])
    np.testing.assert_allclose(p_B, expected.p_BO[:, 1], atol=1e-6)
    classes = predictor.target.classes
    assert [answer["prediction"] for answer in answers] == [classes[y] for y in expected.y_hat]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"age": 3}, "age: 3.0. Allowed: 16 to 100."),
        ({"sex": "Other"}, "sex: 'Other'. Allowed: Female, Male."),
        ({"sex": None}, "sex: None. Allowed: a value."),
        ({"capital_gain": 0.5}, "capital_gain: 0.5. Allowed: a whole number."),
    ],
)
def test_a_row_out_of_contract_is_answered_with_the_reason_and_the_others_with_a_prediction(
    client: TestClient, change: dict[str, Any], reason: str
) -> None:
    reply = ask(client, ROW, ROW | change, ROW)
    assert reply.status_code == 200
    first, refused, last = reply.json()["predictions"]
    assert refused == {"refused": [reason]}
    assert first == last
    assert "prediction" in first


def test_missing_values_and_new_levels_are_within_the_contract(client: TestClient) -> None:
    reply = ask(client, ROW | {"age": None, "workclass": None}, ROW | {"workclass": "never seen"})
    assert all("prediction" in answer for answer in reply.json()["predictions"])


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{", []),
        (b'{"rows": []}', ["rows"]),
        (b'{"rows": [{"age": 3}]}', ["rows", 0, "workclass"]),
        (b'{"rows": [{"age": "3", "workclass": "a", "sex": "Male", "capital_gain": 1}]}', ["rows", 0, "age"]),
        (b'{"rows": [{"age": NaN, "workclass": "a", "sex": "Male", "capital_gain": 1}]}', ["rows", 0, "age"]),
        (b'{"rows": [{"age": 1e999, "workclass": "a", "sex": "Male", "capital_gain": 1}]}', ["rows", 0, "age"]),
        (b"\xff\xfe", []),
        (b"", []),
    ],
)
def test_a_request_of_another_shape_is_a_422_that_says_where(client: TestClient, body: bytes, where: list[Any]) -> None:
    reply = client.post("/predict", content=body)
    assert reply.status_code == 422
    assert where in [each["where"] for each in reply.json()["detail"]]


def test_too_many_rows_and_too_large_a_body_are_refused(registered: Registered) -> None:
    with TestClient(registered.app(limits=Limits(max_rows=2, max_body_bytes=1000))) as client:
        assert ask(client, ROW, ROW).status_code == 200
        assert ask(client, ROW, ROW, ROW).status_code == 422
        assert ask(client, ROW | {"workclass": "x" * 1000}).status_code == 413
        in_pieces = client.post("/predict", content=iter([b"x" * 600] * 3))
        assert in_pieces.status_code == 413


def test_a_key_is_asked_for_and_may_come_in_two_headers(registered: Registered) -> None:
    with TestClient(registered.app(keys=("secret-1", "secret-2"))) as client:
        assert ask(client, ROW).status_code == 401
        assert client.get("/metrics").status_code == 401
        assert ask(client, ROW, headers={"X-API-Key": "wrong"}).status_code == 401
        assert ask(client, ROW, headers={"X-API-Key": "secret-1"}).status_code == 200
        assert ask(client, ROW, headers={"Authorization": "Bearer secret-2"}).status_code == 200
        assert client.get("/health").json() == {"status": "alive"}
        assert client.get("/ready").json()["models"][0]["version"] == 1


def test_a_host_name_that_was_rebound_is_refused(registered: Registered) -> None:
    with TestClient(registered.app(hosts=("127.0.0.1", "::1"))) as client:
        assert ask(client, ROW, headers={"Host": "evil.example:8000"}).status_code == 400
        for host in ("127.0.0.1:8000", "127.0.0.1", "[::1]:8000", "[::1]"):
            assert ask(client, ROW, headers={"Host": host}).status_code == 200


def test_a_client_that_asks_too_often_is_told_to_wait(registered: Registered) -> None:
    with TestClient(registered.app(limits=Limits(per_s=3))) as client:
        replies = [ask(client, ROW) for _ in range(6)]
        assert [reply.status_code for reply in replies].count(429) >= 2
        assert replies[-1].headers["retry-after"] == "1"
        time.sleep(0.5)
        assert ask(client, ROW).status_code == 200


def test_a_moved_alias_is_followed_and_a_rollback_too(client: TestClient, registered: Registered) -> None:
    registered.promote(2)
    wait_for(lambda: ask(client, ROW).json()["model"]["version"] == 2)
    registered.promote(1)
    wait_for(lambda: ask(client, ROW).json()["model"]["version"] == 1)


def test_a_version_that_does_not_load_leaves_the_old_one_and_says_so(
    client: TestClient, registered: Registered
) -> None:
    path = registered.where.uri.removeprefix("sqlite:///")
    with sqlite3.connect(path) as database:
        database.execute("update registered_model_aliases set version = 2 where name = 'adult'")
    wait_for(lambda: client.get("/ready").json()["models"][0]["problem"])
    assert "promotion ledger version 1 holds it" in client.get("/ready").json()["models"][0]["problem"]
    assert ask(client, ROW).json()["model"]["version"] == 1
    assert 'assay_refresh_failing{reference="adult@champion"} 1.0' in client.get("/metrics").text
    registered.promote(2)
    wait_for(lambda: not client.get("/ready").json()["models"][0]["problem"])
    assert ask(client, ROW).json()["model"]["version"] == 2


def test_a_canary_answers_its_share_and_the_same_row_always(registered: Registered) -> None:
    rule = Challenger(reference="adult/2", mode="canary", share=0.3)
    with TestClient(registered.app(challenger=rule)) as client:
        versions = [
            ask(client, ROW | {"age": 17 + i % 80, "capital_gain": i}).json()["model"]["version"] for i in range(400)
        ]
        again = [ask(client, ROW | {"age": 17 + i, "capital_gain": i}).json()["model"]["version"] for i in range(40)]
    assert 0.2 < versions.count(2) / 400 < 0.4  # 6 standard deviations are 0.14
    assert again == versions[:40]


def test_a_shadow_answers_nobody_and_its_differences_are_counted(registered: Registered) -> None:
    with TestClient(registered.app(challenger=Challenger(reference="adult/2"))) as client:
        replies = [ask(client, ROW | {"age": 17 + i}).json() for i in range(50)]
        assert {reply["model"]["version"] for reply in replies} == {1}

        def counted() -> float:
            lines = client.get("/metrics").text.splitlines()
            return sum(float(line.split()[-1]) for line in lines if line.startswith("assay_shadow_rows_total"))

        wait_for(lambda: counted() == 50)


def test_prometheus_is_told_requests_rows_seconds_and_the_version(client: TestClient) -> None:
    ask(client, ROW, ROW | {"age": 3})
    client.post("/predict", content=b"{")
    text = client.get("/metrics").text
    for line in (
        'assay_requests_total{status="200",version="1"} 1.0',
        'assay_requests_total{status="422",version="1"} 1.0',
        'assay_rows_total{outcome="predicted",version="1"} 1.0',
        'assay_rows_total{outcome="refused",version="1"} 1.0',
        'assay_request_seconds_count{version="1"} 2.0',
        'assay_model_version{reference="adult@champion"} 1.0',
    ):
        assert line in text


def test_serving_imports_neither_ray_nor_prefect_nor_what_trains(registered: Registered) -> None:
    code = (
        "import sys; from pathlib import Path; from assay import serving; from assay.store import Store\n"
        f"where = serving.Where(uri={registered.where.uri!r}, home=Path({str(registered.where.home)!r}), "
        f"store=Store(Path({str(registered.where.store.root)!r})))\n"
        "serving.app('adult@champion', where)\n"
        "print([m for m in ('ray', 'prefect', 'great_expectations', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", ["weights.safetensors", "contract.json"])
def test_a_model_whose_files_were_changed_is_not_served(registered: Registered, tmp_path: Path, name: str) -> None:
    client = registry.connect(registered.where.uri, registered.where.home)
    path = Path(client.get_model_version_download_uri("adult", "1").removeprefix("file://")) / name
    before = path.read_bytes()
    elsewhere = dataclasses.replace(registered.where, store=Store(tmp_path / "elsewhere"))
    try:
        path.write_bytes(before[:-9] + bytes([before[-9] ^ 1]) + before[-8:])
        with pytest.raises(RegistryError, match="sha256"):
            serving.app("adult@champion", elsewhere)
    finally:
        path.write_bytes(before)
    assert serving.app("adult@champion", elsewhere)


def test_requests_of_the_same_moment_are_answered_together_and_each_with_its_own(registered: Registered) -> None:
    server = registered.app().state.server
    live, passes = server.champion.live, []

    class Watched:
        def answers(self, rows: list[Any]) -> list[Any]:
            passes.append(len(rows))
            if any(row == "poison" for row in rows):
                raise ValueError("poison")
            found: list[Any] = live.answers(rows)
            return found

    rows = [ROW | {"age": 17 + n} for n in range(40)]
    asked: list[list[Any]] = [[row] for row in rows] + [["poison"], [ROW | {"age": 3}], rows[:8], rows[:8], rows[:8]]
    watched = Watched()

    async def all_at_once() -> list[Any]:
        together = Together()
        each = (together.answers(watched, part) for part in asked)  # type: ignore[arg-type]
        return await asyncio.gather(*each, return_exceptions=True)

    found = asyncio.run(all_at_once())
    assert passes[0] == 58 <= MANY, "as many as go through at once"
    assert isinstance(found[40], ValueError), "one request's trouble is its own"
    for part, answers in zip(asked, found, strict=True):
        if part != ["poison"]:
            for answer, alone in zip(answers, live.answers(part), strict=True):
                assert answer.get("refused") == alone.get("refused")
                assert answer.get("probabilities", {}) == pytest.approx(alone.get("probabilities", {}), abs=1e-6)


def test_a_version_whose_waiver_has_ended_is_not_loaded(registered: Registered) -> None:
    where = registered.where
    version = registry.load("adult@champion", uri=where.uri, home=where.home, store=where.store)
    assert version.decision is not None
    gate = GateResult(
        gate="max_disparity", title="selection_rate by sex within 0.1", verdict="FAIL", reason="It is wider.",
        waived="waived", waived_until="2026-01-31",
    )  # fmt: skip
    replace, holds = dataclasses.replace, dataclasses.replace(gate, waived_until="2999-01-01")
    waived = replace(version, decision=replace(version.decision, gates=(gate,)))
    with pytest.raises(RegistryError, match=r"selection_rate by sex within 0.1: FAIL, waived until 2026-01-31"):
        Live(waived, where, 10)
    Live(replace(version, decision=replace(version.decision, gates=(holds,))), where, 10)
