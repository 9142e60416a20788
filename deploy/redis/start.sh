#!/bin/sh
# Starts Redis with one user, which may read and write keys but not administer the server. The password is not in an argument of the process.
set -eu
umask 077
conf=$(mktemp)
cat "${REDIS_CONF:-/etc/redis/redis.conf}" > "$conf"
echo "user default on >${REDIS_PASSWORD:?a password for Redis} ~* &* +@all -@admin -@dangerous +info" >> "$conf"
exec redis-server "$conf" "$@"
