#!/bin/sh
# roll-out.sh <overlay>           migrates, then rolls out the roles in their order, and waits for and watches each
# roll-out.sh <overlay> back      rolls back every role by one revision, in the opposite order
#
# A role whose new pods do not become ready, or fail or are slow more often than allowed and than before (the alerts of
# deploy/prometheus/alerts/release.yml), is rolled back, and the roll-out ends there.
#
# PROMETHEUS_URL  the Prometheus with deploy/prometheus/kubernetes.yml, such as http://127.0.0.1:9090 behind
#                 kubectl -n monitoring port-forward; "none" watches only health, without a Prometheus
# WATCH_SECONDS   how long each role is watched once it is up: 300. LOOK_SECONDS: interval of the queries, 15
set -eu
here=$(dirname "$0")
overlay="$here/overlays/${1:?the name of an overlay}"
watch_seconds=${WATCH_SECONDS:-300}
look_seconds=${LOOK_SECONDS:-15}
namespace=gatehouse
kube() { kubectl -n "$namespace" "$@"; }
say() { echo "$*" >&2; }

if [ "${2:-}" = back ]; then
  for role in gateway query command worker; do
    kube rollout undo "deployment/$role"
    kube rollout status "deployment/$role" --timeout=6m
  done
  exit 0
fi

prometheus=${PROMETHEUS_URL:?where the roll-out is watched: an address, or none}
# ask <expression>: whether it has any result; fails where Prometheus does not answer.
ask() {
  answer=$(curl -fsS --max-time 10 --get --data-urlencode "query=$1" "$prometheus/api/v1/query") || return 2
  case $answer in
    *'"status":"success"'*'"result":[]'*) return 1 ;;
    *'"status":"success"'*) return 0 ;;
    *) return 2 ;;
  esac
}
# Before any change: a roll-out that cannot be watched does not start.
if [ "$prometheus" != none ]; then
  rules=$(curl -fsS --max-time 10 "$prometheus/api/v1/rules?type=alert") || { say "no answer from $prometheus: nothing was changed"; exit 1; }
  for alert in GatehouseReleaseErrors GatehouseReleaseSlow; do
    case $rules in
      *"\"name\":\"$alert\""*) ;;
      *) say "$prometheus does not have the alert $alert (deploy/prometheus/alerts/release.yml): nothing was changed"; exit 1 ;;
    esac
  done
fi

revision_of() {
  kube get "deployment/$1" --ignore-not-found -o 'jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}'
}
# The common label of the pods of a role's current revision; Prometheus calls it "release".
release_of() {
  kube get replicasets -l "app.kubernetes.io/component=$1" \
    -o 'jsonpath={range .items[*]}{.metadata.annotations.deployment\.kubernetes\.io/revision}{" "}{.metadata.labels.pod-template-hash}{"\n"}{end}' |
    awk -v revision="$2" '$1 == revision { print $2 }'
}
# take_back <role> <revision before> <reason>
take_back() {
  if [ "$2" = "" ]; then
    say "$1 $3; there is nothing before it to go back to"
  elif [ "$2" = "$(revision_of "$1")" ]; then
    say "$1 $3; nothing was changed in it, so it was left as it is"
  else
    kube rollout undo "deployment/$1" "--to-revision=$2"
    say "$1 $3 and was taken back; what was rolled out before it runs on ($0 <overlay> back takes everything back)"
  fi
  exit 1
}
# watch <role> <release>: prints the problem, or nothing.
watch() {
  of="namespace=\"$namespace\",component=\"$1\",release=\"$2\""
  seen=no
  until_second=$(($(date +%s) + watch_seconds))
  while :; do
    for what in "GatehouseReleaseErrors fails too often" "GatehouseReleaseSlow is too slow"; do
      found=0
      ask "ALERTS{alertname=\"${what%% *}\",alertstate=\"firing\",$of}" || found=$?
      case $found in
        0) echo "${what#* }"; return ;;
        2) echo "cannot be watched: no answer from $prometheus"; return ;;
      esac
    done
    if ask "up{job=\"gatehouse\",$of} == 1"; then seen=yes; fi
    [ "$(date +%s)" -lt "$until_second" ] || break
    sleep "$look_seconds"
  done
  [ "$seen" = yes ] || echo "cannot be watched: $prometheus does not scrape its new pods"
}

rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT
kubectl kustomize "$overlay" >"$rendered"
# Resources without pods: namespace, configuration, policies.
kubectl apply -l 'app.kubernetes.io/name=gatehouse,!app.kubernetes.io/component' -f "$rendered"
image=$(sed -n 's/^ *image: //p' "$rendered" | head -n 1)
kube delete job migrate --ignore-not-found
kubectl kustomize "$here/migrate" | sed "s|image: gatehouse$|image: $image|" | kubectl apply -f -
# `kubectl wait` waits for one condition, and a job that has failed never completes.
while :; do
  case $(kube get job migrate -o 'jsonpath={.status.conditions[?(@.status=="True")].type}') in
    *Complete*) break ;;
    *Failed*) say "the migration failed: kubectl -n $namespace logs job/migrate; no role was changed"; exit 1 ;;
  esac
  sleep 2
done
for role in worker command query gateway; do
  before=$(revision_of "$role")
  kubectl apply -l "app.kubernetes.io/component=$role" -f "$rendered"
  kube rollout status "deployment/$role" --timeout=6m || take_back "$role" "$before" "did not come up"
  now=$(revision_of "$role")
  if [ "$prometheus" = none ] || [ "$now" = "$before" ]; then continue; fi
  trouble=$(watch "$role" "$(release_of "$role" "$now")")
  [ "$trouble" = "" ] || take_back "$role" "$before" "$trouble"
done
