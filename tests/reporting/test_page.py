from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from assay.artifacts import (
    Decision,
    Evaluation,
    Findings,
    GateResult,
    Interval,
    LeakReport,
    MetricValue,
    Profile,
    TargetInfo,
    ValidationReport,
    as_data,
    from_json,
)
from assay.reporting import Pages
from assay.store import Store
from tests.reporting import example
from tests.reporting.reading import tables, text, tree

HOSTILE = "</style></pre><script>alert('x')</script>\"'&amp;<img src=x onerror=alert(1)>\x00"


def html_of(run: example.Run, folder: Path) -> str:
    store = Store(folder)
    return store.read(run.report(store).review).decode()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def html(store: Store) -> str:
    return store.read(example.run().report(store).review).decode()


@pytest.fixture(scope="module")
def page(html: str) -> Element:
    return tree(html)


@pytest.mark.parametrize(
    ("outcome", "word"), [("promote", "PROMOTED"), ("refuse", "REFUSED"), ("inconclusive", "INCONCLUSIVE")]
)
def test_the_decision_and_why_stand_at_the_top(outcome: str, word: str, tmp_path: Path) -> None:
    run = example.run(outcome)
    page = tree(html_of(run, tmp_path))
    head = page.find("body/header")
    assert head is not None
    assert word in text(head.find("h1"))  # type: ignore[arg-type]
    assert run.decision.reason in text(head)
    assert "0.869" in text(head)
    assert "[0.864, 0.874]" in text(head)


def test_the_page_loads_nothing_and_runs_one_script_that_its_policy_names(page: Element, html: str) -> None:
    loading = {"src", "srcset", "href", "data", "action", "poster", "background"}
    for node in page.iter():
        assert node.tag not in {"link", "iframe", "img", "object", "embed", "base", "form"}
        for name, value in node.attrib.items():
            assert not name.startswith("on")
            assert name not in loading or value.startswith("#") or (node.tag, name) == ("a", "href")
    assert not re.search(r"@import|url\(", html)
    (script,) = page.iter("script")
    digest = base64.b64encode(hashlib.sha256((script.text or "").encode()).digest()).decode()
    policy = next(node.attrib["content"] for node in page.iter("meta") if "http-equiv" in node.attrib)
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_every_link_leads_to_a_place_on_the_page(page: Element) -> None:
    places = [node.attrib["id"] for node in page.iter() if "id" in node.attrib]
    links = [node.attrib["href"][1:] for node in page.iter("a") if "target" not in node.attrib]
    assert len(places) == len(set(places))
    assert len(links) > 6
    assert set(links) <= set(places)


def test_every_gate_shows_its_verdict_its_number_against_its_bound_and_its_reason(page: Element) -> None:
    rows = tables(page)["All gates that were asked"][1:]
    for row, gate in zip(rows, example.run().decision.gates, strict=True):
        assert gate.title in row[0]
        assert gate.reason in row[0]
        assert all(line in row[0] for line in gate.detail)
        assert gate.verdict.replace("_", " ") in row[1].upper()
    assert "0.869 [0.865, 0.874], bound 0.860" in rows[0][2]


def test_the_group_table_holds_counts_rates_and_their_intervals(page: Element) -> None:
    head, male, *_ = tables(page)["Groups of sex"]
    assert head == ["Group", "Rows", "Selection rate", "True positive rate", "False positive rate", "Accuracy"]
    assert male[:3] == ["Male", "10,860 66.7 %", "0.242 [0.234, 0.250]"]
    assert male[3] == "0.630 [0.613, 0.646] of 3,256"


def test_groups_with_too_few_rows_are_marked_in_words(page: Element) -> None:
    found = {row[0] for row in tables(page)["Groups of race"] if "too few rows" in row[0]}
    assert found == {"Amer-Indian-Eskimo too few rows", "Other too few rows"}


def test_a_gap_shows_its_one_sided_and_adjusted_bounds_and_what_the_gate_tolerates(page: Element) -> None:
    caption = "Selection rate by sex, difference. Tolerated: −0.100 to 0.100."
    _, row = tables(page)[caption]
    assert row[:3] == ["Male − Female n = 10,860 and 5,491", "0.164 [0.155, 0.173]", "[0.154, 0.175]"]


def test_the_widest_gaps_of_many_come_first_and_the_rest_is_counted(page: Element) -> None:
    caption = "Selection rate by sex × race, difference. The 10 widest of 45 pairs."
    rows = tables(page)[caption][1:]
    assert len(rows) == 10
    marked = ["too few" in row[0] for row in rows]
    assert marked == sorted(marked)


def test_all_metrics_are_shown_with_interval_and_method(page: Element) -> None:
    rows = {row[0]: row[1:] for row in tables(page)["All metrics"][1:]}
    assert len(rows) + len(tables(page)["Other folds"][1:]) == len(example.evaluation().metrics)
    assert rows["ROC AUC"] == ["0.9241", "[0.9200, 0.9282]", "higher", "delong", "test"]
    assert rows["Log loss"][2] == "lower"


def test_the_confusion_matrix_shows_counts_and_shares_of_the_true_class(page: Element) -> None:
    _, *rows = tables(page)["Rows, and shares of each true class"]
    assert rows == [["<=50K", "11,711 94.2 %", "724 5.8 %"], [">50K", "1,401 36.4 %", "2,445 63.6 %"]]


def test_the_diagnosis_cites_its_numbers(page: Element) -> None:
    found = text(next(node for node in page.iter("section") if node.attrib["id"] == "diagnosis"))
    assert "Best epoch 22; Train loss best 0.232; Valid loss best 0.282" in found
    assert "Lower training.early_stopping.patience to save time" in found
    assert "23 of 16,281 test rows stand in train as well." in found


def test_personal_columns_show_no_value(page: Element) -> None:
    row = next(row for row in tables(page)["What is in each column, by fold"] if row[0].startswith("native-country"))
    assert row[1:3] == ["857 1.8 %", "41"]
    assert all("values not shown" in cell for cell in row[3:])


def test_the_lineage_holds_every_digest_and_the_whole_spec(page: Element, html: str) -> None:
    run = example.run()
    rows = tables(page)["Every hand-off between stages"][1:]
    assert {row[0]: row[2] for row in rows} == dict(run.lineage)
    assert run.model.sha256 in html
    assert run.model.stopped in text(page)
    assert next(page.iter("pre"))[0].text == run.spec_text


def test_the_lineage_leads_to_mlflow_and_says_each_address_for_frames_that_open_no_links(page: Element) -> None:
    away = {"".join(link.itertext()): link for link in page.iter("a") if not link.attrib["href"].startswith("#")}
    run = "http://127.0.0.1:5000/#/experiments/1/runs/0123456789abcdef"
    view = "workflowType=machine_learning"
    assert away["0123456789abcdef"].attrib["href"] == f"{run}?{view}"
    assert away["snapshot"].attrib["href"] == f"{run}/artifacts/handoffs/snapshot.json?{view}"
    assert away["adult"].attrib["href"] == "http://127.0.0.1:5000/#/models/adult"
    assert all(
        (link.attrib["target"], link.attrib["rel"]) == ("_blank", "noopener noreferrer") for link in away.values()
    )
    copied = {code.text for code in page.iter("code") if code.attrib.get("class") == "address"}
    assert copied >= {away["adult"].attrib["href"], away["0123456789abcdef"].attrib["href"]}


def test_the_champion_that_it_was_compared_with_is_linked(tmp_path: Path) -> None:
    run = example.run()
    page = tree(html_of(run.changed(decision=replace(run.decision, champion_version=3)), tmp_path))
    (told,) = (link for link in page.iter("a") if "which it was compared with" in text(link))
    assert told.attrib["href"] == "http://127.0.0.1:5000/#/models/adult/versions/3"


def test_a_run_that_no_server_shows_says_where_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    kept = text(tree(store.read(example.run().report(store, Pages(run_id="0123abcd")).review).decode()))
    assert "0123abcd, in a database; assay up starts the server that shows it" in kept
    gone = text(tree(store.read(example.run().report(store, Pages()).review).decode()))
    assert "It did not answer when this page was written" in gone


def test_intervals_say_once_whether_they_are_one_sided(page: Element) -> None:
    assert text(page).count("two-sided, 95 %") == 1
    assert text(page).count("one-sided 95 % bounds, which are closer") == 1


def test_a_password_in_the_spec_or_the_source_is_not_shown(tmp_path: Path) -> None:
    run, uri = example.run(), "postgresql://ada:S3CRET@host/db"
    source = replace(run.snapshot.source, description=uri)
    leaky = run.changed(spec_text=f"data: {{source: sql, uri: {uri}}}", snapshot=replace(run.snapshot, source=source))
    html = html_of(leaky, tmp_path)
    assert html.count("ada:•••@host") == 3
    assert "S3CRET" not in html


def test_every_number_on_the_page_comes_from_the_hand_offs(page: Element) -> None:
    run = example.run()
    known = set(_floats(as_data({name: getattr(run, name) for name in run.__dataclass_fields__})))
    known |= {float(len(items)) for items in (run.model.epochs, run.profile.columns, run.snapshot.columns)}
    known |= {95.0, 1.0, 0.0}
    counts = run.evaluation.confusion
    right, all_rows = counts[0][0] + counts[1][1], sum(map(sum, counts))
    shares = [n / sum(row) for row in counts for n in row] + [right / all_rows, 857 / 48_842, 2_799 / 48_842]
    shares += [n / 48_842 for n in (29_305, 3_256, example.N_TEST)]
    known |= {100 * share for share in [*shares, *(row.share for row in run.findings.groups)]} | {float(right)}  # type: ignore[union-attr]
    known |= {float(n) for n in range(11)} | {45.0}  # how many gates, tables, expectations, and pairs of ten groups
    sections = [
        node for node in page.iter() if node.tag in ("header", "section") and node.attrib.get("id") != "lineage"
    ]
    tokens = [token for node in sections for token in re.findall(r"(?<![\w.])[−-]?\d[\d,]*(?:\.\d+)?", text(node))]
    assert len(tokens) > 1000
    for token in tokens:
        value, places = float(token.replace(",", "").replace("−", "-")), len(token.partition(".")[2])
        assert any(abs(round(number, places) - value) < 1e-9 for number in known), token


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    page = tree(html_of(_hostile(example.run(), HOSTILE), tmp_path))
    assert len(list(page.iter("script"))) == 1
    assert not list(page.iter("img"))
    shown = HOSTILE.replace("\x00", "�")
    assert text(page).count(shown) > 20
    assert next(page.iter("pre"))[0].text == shown


def test_a_run_without_audit_gates_expectations_or_epochs_still_has_a_page(tmp_path: Path) -> None:
    run = example.run()
    bare = run.changed(
        findings=None,
        decision=Decision(outcome="promote", gates=(), reason="No gate was asked.", champion_version=0),
        validation=ValidationReport(passed=True, results=()),
        profile=Profile(columns=(), n_rows=0),
        leaks=LeakReport(probes=()),
        model=replace(run.model, epochs=(), best_epoch=0),
        lineage=(),
        spec_text="",
    )
    found = text(tree(html_of(bare, tmp_path)))
    assert "Not audited" in found
    assert "The spec asks no gate" in found
    assert "The spec expects nothing of the data" in found


def test_a_regression_has_no_confusion_matrix_and_its_own_key_numbers(tmp_path: Path) -> None:
    run, store = example.run(), Store(tmp_path)
    rmse = MetricValue(
        name="rmse", fold="test", interval=Interval(value=523.44, low=511.2, high=536.1), method="bootstrap",
        greater_is_better=False,
    )  # fmt: skip
    target = TargetInfo(column="price", task="regression", mean=7.8, std=1.0, log=True)
    regression = run.changed(
        evaluation=Evaluation(metrics=(rmse,), confusion=(), classes=(), curves=(), diagnoses=(), n_rows=13_485),
        model=replace(run.model, preprocessing=replace(run.model.preprocessing, target=target)),
    )
    report = regression.report(store)
    page = tree(store.read(report.review).decode())
    assert "523.4 [511.2, 536.1]" in " ".join(text(page.find("body/header")).split())  # type: ignore[arg-type]
    assert "confusion.svg" not in [file.name for file in report.files]


def test_numbers_that_are_not_finite_are_told_and_not_drawn(tmp_path: Path) -> None:
    run, nan = example.run(), float("nan")
    metric = replace(run.evaluation.metrics[0], interval=Interval(value=nan, low=nan, high=nan))
    gate = GateResult(
        gate="min_metric", title="accuracy", verdict="ERROR", reason="?", value=nan, low=nan, high=nan, bound=0.8
    )
    epochs = (replace(run.model.epochs[0], train_loss=nan), *run.model.epochs[1:])
    broken = run.changed(
        evaluation=replace(run.evaluation, metrics=(metric,)),
        decision=replace(run.decision, gates=(gate,)),
        model=replace(run.model, epochs=epochs),
    )
    html = html_of(broken, tmp_path)
    assert "undefined" in html
    assert "nan" not in html.replace("finance", "")


def test_many_classes_are_shown_as_their_most_frequent_confusions(tmp_path: Path) -> None:
    run, n = example.run(), 30
    counts = tuple(tuple(100 if i == j else 7 * (j == i + 1) for j in range(n)) for i in range(n))
    many = replace(run.evaluation, confusion=counts, classes=tuple(f"c{i}" for i in range(n)))
    page = tree(html_of(run.changed(evaluation=many), tmp_path))
    caption, rows = next((name, rows) for name, rows in tables(page).items() if name.startswith("The most frequent"))
    assert "3,000 of 3,203 rows (93.7 %)" in caption
    assert len(rows) == 21


def test_a_table_of_a_thousand_columns_is_cut_and_says_so(tmp_path: Path) -> None:
    run = example.run()
    columns = tuple(replace(run.profile.columns[0], name=f"x{i}") for i in range(1000))
    html = html_of(run.changed(profile=replace(run.profile, columns=columns)), tmp_path)
    assert "800 more rows are not shown." in html
    assert "x199" in html
    assert "x200" not in html


def test_the_same_hand_offs_give_the_same_bytes(store: Store, tmp_path: Path) -> None:
    assert example.run().report(store) == example.run().report(Store(tmp_path))


def test_the_numbers_lie_beside_the_page_as_they_were_handed_over(store: Store) -> None:
    run = example.run()
    files = {file.name: store.read(file).decode() for file in run.report(store).files}
    assert from_json(Evaluation, files["evaluation.json"]) == run.evaluation
    assert from_json(Findings, files["findings.json"]) == run.findings
    assert from_json(Decision, files["decision.json"]) == run.decision


def test_a_report_takes_little_time_imports_included(tmp_path: Path) -> None:
    """50 ms on a quiet machine. Processor time, and thrice that, because the one that runs the tests is not quiet."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "from tests.reporting import example; from assay.store import Store\n"
        "run, store = example.run(), Store(Path(sys.argv[1]))\n"
        "start = time.process_time(); run.report(store); print(time.process_time() - start)"
    )
    taken = [
        float(
            subprocess.run(
                [sys.executable, "-c", script, str(tmp_path / str(i))], capture_output=True, check=True
            ).stdout
        )
        for i in range(3)
    ]
    assert min(taken) < 0.150


def _floats(data: Any) -> list[float]:
    if isinstance(data, dict):
        return [number for item in data.values() for number in _floats(item)]
    if isinstance(data, list):
        return [number for item in data for number in _floats(item)]
    if isinstance(data, str):
        return [float(token.replace(",", "")) for token in re.findall(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?", data)]
    return [float(data)] if isinstance(data, int | float) else []


def _hostile(value: Any, name: str) -> Any:
    """The same run with `name` in place of every string that a user or the data choose."""
    evaluation, findings, decision = value.evaluation, value.findings, value.decision
    return value.changed(
        name=name,
        evaluation=replace(
            evaluation,
            classes=(name, name + "2"),
            curves=tuple(replace(curve, x_label=name, y_label=name) for curve in evaluation.curves),
            diagnoses=tuple(replace(one, name=name, verdict=name, advice=name) for one in evaluation.diagnoses),
        ),
        findings=replace(
            findings,
            groups=tuple(replace(row, sensitive=name, group=f"{row.group}{name}") for row in findings.groups),
            gaps=tuple(replace(gap, sensitive=name, group_a=name, metric=name) for gap in findings.gaps),
            problems=(name,),
        ),
        decision=replace(
            decision,
            reason=name,
            gates=tuple(replace(gate, title=name, reason=name, detail=(name + "d",)) for gate in decision.gates),
        ),
        model=replace(value.model, family=name, stopped=name),
        validation=replace(
            value.validation,
            results=tuple(
                replace(one, column=name, observed=name, examples=(name,)) for one in value.validation.results
            ),
        ),
        folds=replace(value.folds, how=name),
        profile=replace(value.profile, columns=tuple(replace(one, name=name) for one in value.profile.columns)),
        snapshot=replace(value.snapshot, source=replace(value.snapshot.source, description=name)),
        lineage=((name, name),),
        spec_text=name,
    )
