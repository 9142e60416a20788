#!/bin/sh
# restore.sh            everything that was archived
# restore.sh '2026-11-21 10:15:00+00'    as it was at that moment
# Into an empty folder (pg1-path), as the user that PostgreSQL runs as. PostgreSQL is started by hand afterwards.
set -eu
if [ "${1:-}" = "" ]; then
  pgbackrest --stanza=gatehouse restore
else
  pgbackrest --stanza=gatehouse --type=time --target="$1" --target-action=promote restore
fi
