#!/usr/bin/env bash
# Installs the programs of the checks and the services' tests on a Debian machine, except the services. A test without its
# program is skipped with a message. Starts no service, removes nothing, and exits with 0 even if a program is not available:
# it is printed, and the skipped tests name it again.
set -uo pipefail

# program or file · Debian package · tests that are skipped without it
tools=(
  "promtool|prometheus|the alerts' own tests (npm run check), and tests/operations and tests/deployment against a real Prometheus"
  "kcat|kcat|the broker's contract on Kafka, for which the mock cluster of kcat stands"
  "libfaketimeMT.so.1|faketime|the row of tests/scenarios in which a clock is wrong"
  "pgbouncer|pgbouncer|the suites behind a pooler (packages/server/src/platform/database/pgbouncer.test.ts, and a turn of npm run test:services)"
  "pgbackrest|pgbackrest|the drill that restores a lost database (tests/services/restore.test.ts, npm run drill:restore)"
  "apache2|apache2|Apache as a relying party (tests/services/apache.test.ts)"
  "mod_auth_openidc.so|libapache2-mod-auth-openidc|Apache as a relying party (tests/services/apache.test.ts)"
  "curl|curl|the README's and the guide's commands, and the roll-out's look at Prometheus"
)
# The same path of the library as in tests/scenarios/clock.ts.
has() {
  command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -e "/usr/lib/apache2/modules/$1" ] || compgen -G "/usr/lib/*/faketime/$1" >/dev/null || compgen -G "/usr/lib/faketime/$1" >/dev/null ||
    compgen -G "/usr/local/lib/faketime/$1" >/dev/null
}

missing=()
for tool in "${tools[@]}"; do
  has "${tool%%|*}" || missing+=("$tool")
done
# Kustomize in Debian's kubernetes-client (1.20) is older than the manifests need, so it is not among the packages.
command -v kubectl >/dev/null 2>&1 ||
  echo "tools: kubectl is missing and Debian's is too old for the manifests; without it tests/deployment/kubernetes.test.ts is skipped"
if [ "${#missing[@]}" -eq 0 ]; then
  echo "tools: all are there"
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  why="not root"
  command -v apt-get >/dev/null 2>&1 || why="no apt-get"
  for tool in "${missing[@]}"; do
    IFS='|' read -r program _ without <<<"$tool"
    echo "tools: $program is missing ($why); skipped without it: $without"
  done
  exit 0
fi

# Packages with a service start it at the installation, unless this file prevents it. An existing file is not changed.
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
own_policy=no
trap 'rm -f "$log"; if [ "$own_policy" = yes ]; then rm -f "$policy"; fi' EXIT
trap 'exit 0' INT TERM
if [ ! -e "$policy" ]; then
  own_policy=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
elif "$policy" prometheus start >/dev/null 2>&1; then
  echo "tools: nothing is installed, because $policy lets packages start their services"
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
# Waits for another running installation.
apt=(apt-get -qq -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2)
updated=no
for tool in "${missing[@]}"; do
  IFS='|' read -r program package without <<<"$tool"
  if [ "$updated" = no ]; then
    "${apt[@]}" update >"$log" 2>&1 || echo "tools: the lists of packages could not be renewed: $(tail -n 1 "$log")"
    updated=yes
  fi
  if "${apt[@]}" install --no-install-recommends "$package" >"$log" 2>&1 && has "$program"; then
    echo "tools: installed $package $(dpkg-query -W -f '${Version}' "$package")"
  else
    echo "tools: $package could not be had: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log"); skipped without it: $without"
  fi
done
exit 0
