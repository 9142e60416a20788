#!/bin/sh
# A full backup: once a day, as the user that PostgreSQL runs as. Fails at once without a working archive.
set -eu
pgbackrest --stanza=gatehouse check
pgbackrest --stanza=gatehouse --type=full backup
