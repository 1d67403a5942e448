#!/bin/sh
# Print fresh credentials for compose.yaml. Letters and digits alone, because they stand in addresses too.
set -eu
umask 077
fresh() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 40; }
for name in POSTGRES_PASSWORD PREFECT_DB_PASSWORD MLFLOW_DB_PASSWORD MLFLOW_ADMIN_PASSWORD MLFLOW_SECRET_KEY \
    RAY_AUTH_TOKEN S3_ACCESS_KEY_ID S3_SECRET_ACCESS_KEY; do
    echo "$name=$(fresh)"
done
echo "PREFECT_AUTH_STRING=assay:$(fresh)"
