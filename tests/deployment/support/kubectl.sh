#!/bin/sh
# Stands for the API server behind kubectl, and for nothing else: what it is told to do is written into $STATE/calls, and what it
# answers lies in $STATE as files. Manifests are rendered by the real kubectl ($KUBECTL); pods, scrapes and metrics are real processes'.
#
# revision.<role>   the role's revision (1 where there is none); `apply` of the role makes it 2, if changes.<role> is there
# release           the label of the pods of revision 2; `apply` of the role moves targets.yml, by which Prometheus finds them
# fails.<role>      `rollout status` of the role ends with 1, as after a deadline that has passed
# job               the condition of the migration: Complete or Failed
if [ "$1" = kustomize ]; then exec "$KUBECTL" "$@"; fi
echo "$*" >>"$STATE/calls"
if [ "$1" = -n ]; then shift 2; fi
role=$(echo "$*" | sed -n 's|.*deployment/\([a-z]*\).*|\1|p; s|.*app.kubernetes.io/component=\([a-z]*\).*|\1|p' | head -n 1)
case "$1 $2" in
  "apply -l")
    if [ -e "$STATE/changes.$role" ]; then
      echo 2 >"$STATE/revision.$role"
      if [ -e "$STATE/targets.yml" ]; then mv "$STATE/targets.yml" "$STATE/targets/new.yml"; fi
    fi
    ;;
  "apply -f") cat >/dev/null ;;
  "get replicasets") printf '1 old\n2 %s\n' "$(cat "$STATE/release")" ;;
  "get job") cat "$STATE/job" ;;
  get\ deployment/*) cat "$STATE/revision.$role" 2>/dev/null || echo 1 ;;
  "rollout status") if [ -e "$STATE/fails.$role" ]; then exit 1; fi ;;
esac
