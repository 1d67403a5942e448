#!/bin/bash
# A small real pipeline against the servers of this release: data to decision, and then the version is asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python - <<'PY'
import random

draw = random.Random(0)
with open("smoke.csv", "w") as file:
    file.write("size,colour,good\n")
    for _ in range(1200):
        size, colour = draw.gauss(0, 1), draw.choice(["red", "green", "blue"])
        good = size + (colour == "red") + draw.gauss(0, 0.3) > 0
        file.write(f"{size:.4f},{colour},{'yes' if good else 'no'}\n")
PY
cat >smoke.yaml <<'YAML'
version: 1
name: assay-smoke-test
task: classification
data: {path: smoke.csv}
target: {column: good, positive: "yes"}
model: {family: linear}
training: {epochs: 5, batch_size: 128, lr: 0.05}
gates:
  - {gate: min_metric, metric: accuracy, at_least: 0.6}
YAML
# Said before anything is trained: a server that does not answer would otherwise be a spool that nobody reads.
python - <<'PY'
import base64, os, urllib.request

def get(url, account):
    request = urllib.request.Request(url)
    request.add_header("Authorization", "Basic " + base64.b64encode(account.encode()).decode())
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        assert answer.status == 200, url

get(os.environ["PREFECT_API_URL"] + "/admin/version", os.environ["PREFECT_API_AUTH_STRING"])
account = os.environ["MLFLOW_TRACKING_USERNAME"] + ":" + os.environ["MLFLOW_TRACKING_PASSWORD"]
get(os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/experiments/search?max_results=1", account)
PY
assay run smoke.yaml --fresh --json >result.json || { cat result.json; exit 1; }
python - <<'PY'
import json

from mlflow import MlflowClient

result = json.load(open("result.json"))
assert result["outcome"] == "promoted", result
version = MlflowClient().get_model_version_by_alias("assay-smoke-test", "champion")
assert MlflowClient().get_run(version.run_id).info.status == "FINISHED", version
assert result["addresses"].get("prefect"), f"Prefect was not told: {result['addresses']}"
print(f"promoted version {version.version}; run {version.run_id}")
PY
