"""The Data Docs page: every expectation, what was found, in one file that needs no network.

Great Expectations' own page loads a dozen scripts and style sheets from the internet, so it is not used; its results
stand in the page as JSON for whoever wants to compute with them.
"""

from __future__ import annotations

from html import escape

from assay.artifacts import ExpectationResult, Snapshot, ValidationReport, to_json

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c0392b; --warn: #b9770e; --good: #1e8449; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
.PASS { color: var(--good); } .FAIL { color: var(--bad); } .WARN { color: var(--warn); }
"""


def page(report: ValidationReport, snapshot: Snapshot) -> str:
    """The report as HTML."""
    failed = [result for result in report.results if not result.passed]
    state = (
        "All expectations hold" if not failed else f"{len(failed)} of {len(report.results)} expectations do not hold"
    )
    rows = "\n".join(_row(result) for result in sorted(report.results, key=lambda r: (r.passed, r.column)))
    data = to_json(report).replace("</", "<\\/")  # so that no value can close the script element
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Data Docs</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><h1>Data Docs</h1>
<p><strong class="{"PASS" if report.passed else "FAIL"}">{state}.</strong>
{snapshot.n_rows:,} rows x {len(snapshot.columns)} columns from {escape(snapshot.source.description)},
sha256 <code>{snapshot.source.sha256}</code>.</p>
<table><thead><tr><th>Result</th><th>Column</th><th>Expectation</th><th>Expected</th><th>Found</th><th>Examples</th></tr>
</thead><tbody>
{rows}
</tbody></table>
<script type="application/json" id="report">{data}</script>
</body></html>
"""


def _row(result: ExpectationResult) -> str:
    state = "PASS" if result.passed else "WARN" if result.severity == "warn" else "FAIL"
    cells = (result.column, result.expectation, result.expected, result.observed, ", ".join(result.examples))
    return f'<tr><td class="{state}">{state}</td>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
