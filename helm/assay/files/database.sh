#!/bin/bash
# upgrade: dump the three databases, migrate them, and if a migration fails put the dump back and fail.
# rollback: put a dump back if the schema has moved since the revision that is rolled back to, and only a fresh one.
#
# PREFECT_URL, MLFLOW_URL, MLFLOW_AUTH_URL  addresses, each of a role that owns its database
# BACKUPS                                   a folder; empty: no dumps, so a failed migration is yours to mend
# REVISION                                  upgrade: of the release that is left; rollback: of the one that is gone back to
# KEEP, RESTORE_WITHIN_MINUTES
set -euo pipefail
umask 077
declare -A URL=([prefect]=$PREFECT_URL [mlflow]=$MLFLOW_URL [mlflow_auth]=$MLFLOW_AUTH_URL)

# Run a client of Postgres on a database. An address with a password in it is no argument: others can read those.
on() {
    local name=$1
    shift
    (
        eval "$(URL=${URL[$name]} python - <<'PY'
import os, shlex
from urllib.parse import parse_qsl, unquote, urlsplit

url = urlsplit(os.environ["URL"])
given = {"PGHOST": url.hostname, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
given["PGDATABASE"] = url.path.lstrip("/")
given |= {"PG" + key.upper(): value for key, value in parse_qsl(url.query) if key in ("host", "sslmode", "sslrootcert")}
if "PGSSLMODE" not in given and "ssl=require" in url.query:
    given["PGSSLMODE"] = "require"
for key, value in given.items():
    if value is not None:
        print(f"export {key}={shlex.quote(unquote(str(value)))}")
PY
)"
        "$@"
    )
}

schema_of() {
    local table
    for table in alembic_version alembic_version_auth; do
        if [ -n "$(on "$1" psql -Atqc "SELECT to_regclass('public.$table')")" ]; then
            on "$1" psql -Atqc "SELECT '$1 $table ' || version_num FROM public.$table ORDER BY 1"
        fi
    done
}

schemas() { for name in "${!URL[@]}"; do schema_of "$name"; done | sort; }

# Prints the folder of a new dump, once it is whole and can be read.
dump() {
    local folder
    folder=$BACKUPS/$(date -u +%Y%m%dT%H%M%SZ)-$1
    mkdir -p "$folder.part"
    for name in "${!URL[@]}"; do
        on "$name" pg_dump --format=custom --no-owner --no-privileges --no-comments --file "$folder.part/$name.dump"
        pg_restore --list "$folder.part/$name.dump" >/dev/null
    done
    schemas >"$folder.part/schemas"
    sync
    mv "$folder.part" "$folder"
    echo "$folder"
}

# Each database as it was, or as it is: in one transaction, tables of newer schemas gone as well.
restore() {
    for name in "${!URL[@]}"; do
        {
            echo "SET lock_timeout = '60s'; SET client_min_messages = warning;"
            echo "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
            # Its own `CREATE SCHEMA public` would be the second.
            pg_restore --no-owner --no-privileges --no-comments --file - "$1/$name.dump" | sed '/^CREATE SCHEMA public;$/d'
        } | on "$name" psql --quiet --no-psqlrc --single-transaction --set ON_ERROR_STOP=1 --output /dev/null
    done
    echo "Put back: $1"
}

migrate() {
    PREFECT_SERVER_DATABASE_CONNECTION_URL=$PREFECT_URL prefect server database upgrade -y || return 1
    python - <<'PY' || return 1
import os

from mlflow.db import commands

commands(["upgrade", os.environ["MLFLOW_URL"]], standalone_mode=False)
PY
    python - <<'PY' || return 1
import os

from mlflow.server.auth.db.cli import commands

commands(["upgrade", "--url", os.environ["MLFLOW_AUTH_URL"]], standalone_mode=False)
PY
}

prune() { find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d -name '2*Z-*' | sort -r | tail -n "+$((KEEP + 1))" | xargs -r rm -rf; }

upgrade() {
    local folder=""
    if [ -n "$BACKUPS" ]; then
        rm -rf "$BACKUPS"/*.part
        folder=$(dump "r$REVISION")
        echo "Dumped: $folder"
    fi
    if migrate; then
        echo "Migrated:"
        schemas
        if [ -n "$BACKUPS" ]; then prune; fi
        return
    fi
    if [ -n "$folder" ]; then
        restore "$folder"
        echo "The migration failed. The databases are as they were, and the servers serve on." >&2
    else
        echo "The migration failed, and there is no dump: look before you go on." >&2
    fi
    return 1
}

rollback() {
    local left wanted folder later=""
    for each in "$BACKUPS"/2*Z-r*; do
        if [ -d "$each" ] && [ "${each##*-r}" -ge "$REVISION" ]; then later=$each; fi
    done
    if [ -z "$later" ]; then
        # An upgrade dumps before it migrates.
        echo "No upgrade came as far as a dump since revision $REVISION: nothing has been migrated."
        return
    fi
    left=$(find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d -name "2*Z-r$REVISION" | sort | tail -n 1)
    if [ -z "$left" ]; then
        echo "No dump was made when revision $REVISION was left, so its schema is not known. See UPGRADING.md." >&2
        return 1
    fi
    wanted=$(cat "$left/schemas")
    if [ "$(schemas)" = "$wanted" ]; then
        echo "The schema has not moved since revision $REVISION: nothing to do."
        return
    fi
    # The newest of that schema: a failed attempt in between may have left one that is newer than the first.
    folder=$left
    for each in "$BACKUPS"/2*Z-*; do
        if [ "$(cat "$each/schemas")" = "$wanted" ]; then folder=$each; fi
    done
    if [ -n "$(find "$folder/schemas" -mmin "+$RESTORE_WITHIN_MINUTES")" ]; then
        echo "$folder is older than $RESTORE_WITHIN_MINUTES minutes: to put it back would lose all runs since." >&2
        echo "If that is what you want, raise database.restoreWithinMinutes. See UPGRADING.md." >&2
        return 1
    fi
    echo "Dumped, before anything is lost: $(dump "before-rollback")"
    restore "$folder"
}

case $1 in
upgrade | rollback) "$1" ;;
*) echo "database.sh upgrade|rollback" >&2; exit 64 ;;
esac
