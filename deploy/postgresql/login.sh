#!/bin/sh
# At the first start of the database's container: creates a login that owns only its database, so that row-level security applies to it.
# Variables: GATEHOUSE_DATABASE_PASSWORD; GATEHOUSE_DATABASE_LOGIN, the name of both, else gatehouse.
set -eu

psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 \
  -v login="${GATEHOUSE_DATABASE_LOGIN:-gatehouse}" -v password="${GATEHOUSE_DATABASE_PASSWORD:?a password for the login}" \
  --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
create role :"login" login password :'password';
create database :"login" owner :"login";
revoke all on database :"login" from public;
SQL
