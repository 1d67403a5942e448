"""The page as MLflow shows it: in a sandboxed frame that holds a blob, at the widths that its artifact view has."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from assay.store import Store
from tests.reporting import example

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
    "--window-size=1600,1000",
)  # fmt: skip
WIDTHS = [360, 500, 700, 900, 1200]
PROBE = """
addEventListener("load", function measure() {
  if (!innerWidth) return setTimeout(measure, 20);  // the frame has not been told its size yet
  const root = document.documentElement, edge = root.clientWidth + 1;
  document.querySelectorAll("details").forEach((node) => { node.open = true; });
  const shown = (node) => !node.closest(".scroll, pre, svg");
  const out = [...document.querySelectorAll("body *")].filter(shown)
    .filter((node) => node.getBoundingClientRect().right > edge).map((node) => node.outerHTML.slice(0, 90));
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  document.querySelector('nav a[href="#lineage"]').click();
  parent.postMessage({width: innerWidth, wide: root.scrollWidth - root.clientWidth, out, loaded, y: scrollY}, "*");
});
"""
HOST = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>host</title><body><script>
const html = HTML, widths = WIDTHS, found = [];
addEventListener("message", (event) => {
  if (found.push(event.data) == widths.length) fetch("/", {method: "POST", body: JSON.stringify(found)});
});
for (const width of widths) {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.style = `width: ${width}px; height: 900px; border: 0`;
  frame.src = URL.createObjectURL(new Blob([html], {type: "text/html"}));
  document.body.append(frame);
}
</script></body>"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_the_page_fits_every_frame_loads_nothing_and_its_links_work(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    html = store.read(example.run().report(store).review).decode()
    quoted = json.dumps(_probed(html)).replace("</", "<\\/")
    with _served(HOST.replace("HTML", quoted).replace("WIDTHS", str(WIDTHS))) as (address, answers):
        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", address]
        with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as browser:
            try:
                frames: list[dict[str, Any]] = answers.get(timeout=60)
            finally:
                browser.terminate()
    assert "CONSOLE" not in (tmp_path / "log").read_text()
    assert sorted(frame["width"] for frame in frames) == WIDTHS
    for frame in frames:
        assert (frame["wide"], frame["out"], frame["loaded"]) == (0, [], [])
        assert frame["y"] > 1000


def _probed(html: str) -> str:
    """The page with one more script, which its policy then has to name."""
    digest = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    allowed = html.replace("script-src ", f"script-src 'sha256-{digest}' ")
    return allowed.replace("</body>", f"<script>{PROBE}</script></body>")


@contextmanager
def _served(host: str) -> Iterator[tuple[str, Queue[Any]]]:
    """The host page over HTTP (a blob made by a file has other rights than MLflow's), and what it posts back."""
    answers: Queue[Any] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(host.encode())

        def do_POST(self) -> None:
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", answers
        server.shutdown()
