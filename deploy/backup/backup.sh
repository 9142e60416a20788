#!/bin/sh
# A full backup: once a day, as the user that PostgreSQL runs as. Without an archive that works it fails at once.
set -eu
pgbackrest --stanza=gatehouse check
pgbackrest --stanza=gatehouse --type=full backup
