"""The web application."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import BoundedSemaphore
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from pydantic_core import to_json

from assay.serving import Challenger, Limits, Where
from assay.serving._door import Door
from assay.serving._live import FEW, Answer, Follower, Live, Row
from assay.serving._metrics import Metrics
from assay.serving._schema import MISTAKE, MODEL, mistakes, reply_schema
from assay.serving._together import Together

MAX_SHADOWS = 100  # that wait; beyond, they are dropped, so that a slow challenger costs no memory
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Server:
    """Everything that requests share: who answers, who shadows, the numbers."""

    def __init__(
        self, reference: str, where: Where, challenger: Challenger | None, limits: Limits, poll_s: float
    ) -> None:
        self.champion = Follower(reference, where, limits.max_rows, poll_s)
        self.challenger, self._rule = None, challenger
        if challenger is not None:
            self.challenger = Follower(challenger.reference, where, limits.max_rows, poll_s)
        self.metrics, self.together = Metrics(), Together()
        for follower in self.followers:
            follower.looked = self._looked
            self._looked(follower)
        self._shadows = ThreadPoolExecutor(1, thread_name_prefix="assay-shadow")
        self._room = BoundedSemaphore(MAX_SHADOWS)

    def _looked(self, follower: Follower) -> None:
        self.metrics.version.labels(follower.reference).set(follower.live.version.number)
        self.metrics.failing.labels(follower.reference).set(bool(follower.problem))

    @property
    def followers(self) -> list[Follower]:
        """All that follow an alias."""
        return [self.champion] if self.challenger is None else [self.champion, self.challenger]

    def stop(self) -> None:
        """End the threads."""
        for follower in self.followers:
            follower.stop()
        self._shadows.shutdown(cancel_futures=True)

    def chosen(self, body: bytes) -> Live:
        """Who answers this body. The same body is answered by the same version, so that a retry changes nothing."""
        if self.challenger is None or self._rule is None or self._rule.mode != "canary":
            return self.champion.live
        place = int.from_bytes(hashlib.blake2b(body, digest_size=8).digest(), "big") / 2**64
        return self.challenger.live if place < self._rule.share else self.champion.live

    def shadow(self, rows: list[Row], answers: list[Answer]) -> None:
        """Have the challenger answer too, later, and count where it differs."""
        if self.challenger is None or self._rule is None or self._rule.mode != "shadow":
            return
        live = self.challenger.live
        if self._room.acquire(blocking=False):
            self._shadows.submit(self._compare, live, rows, answers)
        else:
            self.metrics.shadow.labels(live.version.number, "dropped").inc(len(rows))

    def _compare(self, live: Live, rows: list[Row], answers: list[Answer]) -> None:
        try:
            for mine, its in zip(answers, live.answers(rows), strict=True):
                same = mine.get("prediction") == its.get("prediction")
                self.metrics.shadow.labels(live.version.number, "same" if same else "different").inc()
        except Exception:  # another schema, for one: the challenger's trouble is nobody else's
            self.metrics.shadow.labels(live.version.number, "failed").inc(len(rows))
        finally:
            self._room.release()


def make(
    reference: str,
    where: Where,
    challenger: Challenger | None,
    limits: Limits,
    keys: tuple[str, ...],
    hosts: tuple[str, ...],
    poll_s: float,
) -> FastAPI:
    """See `assay.serving.app`."""
    server = Server(reference, where, challenger, limits, poll_s)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for follower in server.followers:
            follower.start()
        yield
        server.stop()

    app = FastAPI(title=f"assay: {reference}", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.server = server
    refused = server.metrics.refused
    app.add_middleware(Door, limits=limits, keys=keys, hosts=hosts, refused=lambda status: refused.labels(status).inc())
    _add_routes(app, server)
    app.openapi = lambda: _openapi(app, server, bool(keys))  # type: ignore[method-assign]
    return app


def _add_routes(app: FastAPI, server: Server) -> None:
    metrics = server.metrics

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        start = time.perf_counter()
        body = await request.body()
        live = server.chosen(body)
        status, reply = 500, b""
        try:
            rows = live.requests.rows(body)
            if len(rows) <= FEW:
                answers = await server.together.answers(live, rows)
            else:
                answers = await run_in_threadpool(live.answers, rows)
            status, reply = 200, to_json({"model": live.head, "predictions": answers})
            _count(metrics, live, answers)
            server.shadow(rows, answers)
        except ValidationError as error:
            status, reply = 422, to_json({"detail": mistakes(error)})
        finally:
            metrics.requests.labels(live.version.number, status).inc()
            metrics.seconds.labels(live.version.number).observe(time.perf_counter() - start)
        return Response(reply, status, media_type="application/json")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/ready")
    async def ready() -> dict[str, Any]:
        found = [{**each.live.head, "reference": each.reference, "problem": each.problem} for each in server.followers]
        return {"status": "ready", "models": found}

    @app.get("/metrics")
    async def numbers() -> Response:
        return Response(metrics.text(), media_type=PROMETHEUS)


def _count(metrics: Metrics, live: Live, answers: list[Answer]) -> None:
    n_refused = sum("refused" in answer for answer in answers)
    if n_refused:
        metrics.rows.labels(live.version.number, "refused").inc(n_refused)
    if n_refused < len(answers):
        metrics.rows.labels(live.version.number, "predicted").inc(len(answers) - n_refused)


def _openapi(app: FastAPI, server: Server, has_keys: bool) -> dict[str, Any]:
    """The description of the interface, with the columns and classes of the version that answers now."""
    live = server.champion.live
    request = live.requests.schema()
    defined = request.pop("$defs", {})
    refusals = {"422": "The request is not of this shape.", "413": "The body is too large."}
    if has_keys:
        refusals["401"] = "No key, or not one of ours."
    wrong = {
        status: {"description": text, "content": {"application/json": {"schema": MISTAKE}}}
        for status, text in refusals.items()
    }
    fine = {"application/json": {"schema": reply_schema(live.predictor.target)}}
    models = {"type": "array", "items": MODEL}
    ready = {"type": "object", "properties": {"status": {"type": "string"}, "models": models}}
    schemas: dict[str, Any] = {"/health": {"type": "object"}, "/ready": ready}
    paths: dict[str, Any] = {
        path: {"get": {"responses": {"200": {"description": "", "content": {"application/json": {"schema": schema}}}}}}
        for path, schema in schemas.items()
    }
    text = {"description": "", "content": {"text/plain": {"schema": {"type": "string"}}}}
    paths["/metrics"] = {"get": {"responses": {"200": text} | ({"401": wrong["401"]} if has_keys else {})}}
    paths["/predict"] = {
        "post": {
            "summary": f"Predict with {server.champion.reference}.",
            "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
            "responses": {"200": {"description": "One answer a row.", "content": fine}, **wrong},
        }
    }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": app.title, "version": str(live.version.number)},
        "paths": paths,
        "components": {"schemas": defined},
    }
    if has_keys:
        document["components"]["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
        for path in ("/predict", "/metrics"):
            next(iter(paths[path].values()))["security"] = [{"key": []}]
    return document
