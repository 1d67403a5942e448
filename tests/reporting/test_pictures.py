from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.artifacts import Tolerance
from assay.reporting import _charts, _gaps, _intervals, _svg
from assay.store import Store
from tests.reporting import example

SVG = "{http://www.w3.org/2000/svg}"
RANGES = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ElementTree.Element]:
    store = Store(tmp_path_factory.mktemp("store"))
    files = example.run().report(store).files
    return {file.name: ElementTree.fromstring(store.read(file)) for file in files if file.name.endswith(".svg")}


def test_every_picture_is_a_file_of_its_own(pictures: dict[str, ElementTree.Element]) -> None:
    names = ["learning-curve.svg", "roc.svg", "pr.svg", "reliability.svg", "confusion.svg", "gaps.svg"]
    assert sorted(pictures) == sorted(names)


def test_every_picture_says_what_it_is_and_loads_nothing(pictures: dict[str, ElementTree.Element]) -> None:
    for svg in pictures.values():
        assert svg.attrib["role"] == "img"
        assert svg.attrib["aria-label"]
        assert svg.findtext(f"{SVG}title")
        assert not [node for node in svg.iter() if any("href" in name for name in node.attrib)]
        assert "url(" not in ElementTree.tostring(svg, encoding="unicode")


def test_everything_is_drawn_inside_the_picture(pictures: dict[str, ElementTree.Element]) -> None:
    for name, svg in pictures.items():
        _, _, width, height = map(float, svg.attrib["viewBox"].split())
        for node in svg.iter():
            for axis, limit in (("x", width), ("y", height)):
                for key in (axis, f"{axis}1", f"{axis}2", f"c{axis}"):
                    assert 0 <= float(node.attrib.get(key, 0)) <= limit, (name, node.attrib)


def test_the_roc_curve_runs_from_corner_to_corner(pictures: dict[str, ElementTree.Element]) -> None:
    line = next(pictures["roc.svg"].iter(f"{SVG}polyline")).attrib["points"].split()
    first, last = (tuple(map(float, point.split(","))) for point in (line[0], line[-1]))
    axis = next(node for node in pictures["roc.svg"].iter(f"{SVG}line") if node.attrib["class"] == "axis").attrib
    assert first == (float(axis["x1"]), float(axis["y1"]))
    assert last[0] == float(axis["x2"])
    assert last[1] < first[1]


def test_lines_differ_by_more_than_their_colour() -> None:
    css = _svg.picture_css()
    dashes = {css.split(f"svg .s{i} {{")[1].split("}")[0].partition("stroke-dasharray:")[2] for i in range(4)}
    assert len(dashes) == 4


def test_a_curve_of_many_points_keeps_its_ends_and_loses_its_weight() -> None:
    xs = [i / 99_999 for i in range(100_000)]
    svg = _charts.line_chart("t", "d", [("s", xs, xs)], ("x", "y"), unit=True)
    points = next(svg.iter("polyline")).attrib["points"].split()
    assert len(points) <= _charts.MAX_POINTS + 1
    assert (points[0], points[-1]) == ("50.0,252.0", "404.0,48.0")


def test_an_interval_that_leaves_the_picture_ends_in_an_arrow() -> None:
    scale = _svg.Scale((-1.0, 1.0), 0, 100)
    (cut,) = _intervals.interval(_intervals.Marks(value=0.0, low=-0.5, high=0.5, outer=(-0.9, 3.0)), scale, 10)
    (whole,) = _intervals.interval(_intervals.Marks(value=0.0, low=-0.5, high=0.5, outer=(-0.9, 0.9)), scale, 10)
    assert len(list(cut.iter("path"))) == 1
    assert not list(whole.iter("path"))


@given(RANGES, st.integers(2, 10))
def test_ticks_are_few_even_and_inside(of: tuple[float, float], n: int) -> None:
    found = _svg.ticks(of, n)
    assert 1 <= len(found) <= n + 1
    span = of[1] - of[0]
    assert all(of[0] - 1e-6 * span <= tick <= of[1] + 1e-6 * span for tick in found)
    steps = {round((b - a) / span, 6) for a, b in pairwise(found)}
    assert len(steps) <= 1


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=20))
def test_a_domain_holds_every_finite_number_and_is_never_empty(values: list[float]) -> None:
    low, high = _svg.domain(values)
    assert low < high
    assert all(low <= value <= high for value in values if math.isfinite(value))


def test_a_ratio_is_shown_around_one_with_the_range_that_its_gate_lets_pass() -> None:
    run = example.run()
    assert run.findings is not None
    gaps = tuple(
        example.ratio(gap) for gap in run.findings.gaps if (gap.metric, gap.sensitive) == ("selection_rate", "sex")
    )
    findings = replace(run.findings, gaps=gaps)
    tolerance = Tolerance(metrics=("selection_rate",), sensitive="sex", scale="ratio", low=0.8, high=1.25)
    gate = replace(run.decision.gates[0], tolerance=tolerance)
    (block,) = _gaps.blocks(findings, replace(run.decision, gates=(gate,)))
    assert (block.equal, block.allowed) == (1.0, (0.8, 1.25))
    assert block.heading == "Selection rate by sex, ratio"
    assert _gaps.pair(gaps[0]) == "Male ÷ Female"


def test_a_tolerance_of_differences_is_not_drawn_into_ratios(tmp_path: Path) -> None:
    run = example.run()
    assert run.findings is not None
    gaps = tuple(example.ratio(gap) for gap in run.findings.gaps)
    made = _gaps.blocks(replace(run.findings, gaps=gaps), run.decision)
    assert all(block.tolerance is None for block in made)
