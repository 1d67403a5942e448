"""Dashboards and alert rules: queries that parse, of metrics that are exported."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

GRAFANA = Path(__file__).parents[2] / "infra/grafana"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((GRAFANA / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
PANELS: list[dict[str, Any]] = json.loads((GRAFANA / "serving.json").read_text())["panels"]
QUERIES = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]
OFF_THE_SHELF = re.compile(r"_(bucket|sum|count|created)$")


def names(query: str) -> set[str]:
    """The metrics in a query, as exported: a histogram by the name that its parts share."""
    promql_parser.parse(query.replace("$__rate_interval", "5m"))
    return {OFF_THE_SHELF.sub("", name) for name in re.findall(r"\bassay_\w+", query)}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_one_and_asks_for_something_of_ours(query: str) -> None:
    assert names(query)


def test_a_query_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        names("sum by (rate(assay_requests_total[5m])")


def test_every_metric_is_one_that_a_server_exports() -> None:
    exported = pytest.importorskip("assay.serving._metrics", reason="models are not served here").Metrics()
    known = set()
    for metric in exported._registry.collect():
        known |= {metric.name + "_total"} if metric.type == "counter" else {metric.name}
    assert set().union(*map(names, QUERIES)) <= known


def test_every_alert_says_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["action"]


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
