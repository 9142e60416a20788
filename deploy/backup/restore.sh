#!/bin/sh
# restore.sh            to the latest point
# restore.sh '2026-11-21 10:15:00+00'    to that point in time
# Restores into an empty folder (pg1-path), as the user that PostgreSQL runs as. Start PostgreSQL afterwards.
set -eu
if [ "${1:-}" = "" ]; then
  pgbackrest --stanza=gatehouse restore
else
  pgbackrest --stanza=gatehouse --type=time --target="$1" --target-action=promote restore
fi
