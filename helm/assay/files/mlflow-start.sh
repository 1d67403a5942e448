#!/bin/bash
# MLflow's server with accounts. Addresses with passwords in them reach it by environment or file, never by arguments,
# which any process on the node can read.
set -euo pipefail
umask 077
folder="${TMPDIR:-/tmp}/mlflow"
mkdir -p "$folder"
# The parser of this file takes a % for the start of a reference.
cat >"$folder/auth.ini" <<INI
[mlflow]
default_permission = $DEFAULT_PERMISSION
database_uri = ${AUTH_DATABASE_URI//\%/%%}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
INI
export MLFLOW_AUTH_CONFIG_PATH="$folder/auth.ini"
unset AUTH_DATABASE_URI
cd "$folder"
exec mlflow server --host "${HOST:-0.0.0.0}" --port "${PORT:-5000}" --workers 1 --app-name basic-auth \
    --serve-artifacts --artifacts-destination "$ARTIFACTS_DESTINATION"
