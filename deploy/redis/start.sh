#!/bin/sh
# Starts Redis with one user, who may read and write keys and nothing of the server itself. The password is in no argument of the process.
set -eu
umask 077
conf=$(mktemp)
cat "${REDIS_CONF:-/etc/redis/redis.conf}" > "$conf"
echo "user default on >${REDIS_PASSWORD:?a password for Redis} ~* &* +@all -@admin -@dangerous +info" >> "$conf"
exec redis-server "$conf" "$@"
