#!/usr/bin/env bash
# The runbook's failover (phase 2) by its own commands, in its order, one after the other: no pauses, nothing looked up that a
# runbook has written down, and waiting no longer than a thing takes. Tells on standard output when a write through the
# public name had been read back. `by-hand-at-once.sh` is the same for somebody who has trained for it.
#
# From its environment, beside what `changeover lab env` prints:
#   SITE REGION EPOCH      who takes over, where, in which epoch
#   DATABASE_ID            its read replica, and
#   DATABASE_NAME          the database inside
#   SWITCH_BUCKET          bucket of its takeover switch, which is what DNS follows here
#   TIERS                  a line for each tier: "auth=2 payments=2", with the pods that an active site has
#   APP VERIFY_PATH        public name, and the path of the service that is asked for the write
set -euo pipefail
export LC_ALL=C TZ=UTC AWS_PAGER=''
content=$(mktemp)
trap 'rm -f "$content"' EXIT

# As the owner, who may write where the services may not.
sql() {
  PGSERVICE=$SITE PGCONNECT_TIMEOUT=2 PGOPTIONS='-c default_transaction_read_only=off -c idle_session_timeout=0' \
    psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --command "$1"
}

cluster() { kubectl --context "$SITE" "$@"; }

request() { # <curl arguments>
  curl --silent --connect-timeout 1 --max-time 2 --cacert "$NODE_EXTRA_CA_CERTS" --resolve "$APP:$CHANGEOVER_PORT:$address" "$@"
}

# Until a write is taken, and read back, by the site that took over.
verify() {
  local address answer url=https://$APP:$CHANGEOVER_PORT$VERIFY_PATH/writes/by-hand-$EPOCH-$$
  local until=$((EPOCHSECONDS + 120))
  while ((EPOCHSECONDS < until)); do
    address=$(dig +short +tries=1 +time=1 "@${CHANGEOVER_RESOLVER%:*}" -p "${CHANGEOVER_RESOLVER#*:}" "$APP" A | tail -n 1) || address=''
    if [[ $address ]] &&
      answer=$(request --request PUT --header 'content-type: application/json' --data '{"probe":"by hand"}' "$url") &&
      [[ $answer == *"\"site\":\"$SITE\","* ]] &&
      answer=$(request --fail "$url") && [[ $answer == *"\"key\":\"${url##*/}\""* ]]; then
      echo "{\"verifiedAt\":$((${EPOCHREALTIME/./} / 1000))}"
      return
    fi
    sleep 0.05
  done
  echo "no write was confirmed in 120 s" >&2
  return 1
}

# Step 1: activate the secondary site. `aws rds wait` looks every 30 seconds; this looks as often as is any use.
aws rds promote-read-replica --region "$REGION" --db-instance-identifier "$DATABASE_ID" >/dev/null
until [[ $(sql 'select pg_is_in_recovery()' 2>/dev/null || true) == f ]]; do sleep 0.1; done
# The services may log in until the site's own guard renews that, and the site's mark says since when it takes writes.
printf -v until '%(%FT%TZ)T' $((EPOCHSECONDS + 600))
sql "alter database $DATABASE_NAME reset default_transaction_read_only;
     alter role service_app valid until '$until';
     insert into changeover_guard.writes (site, epoch, state, by, reason, at)
     values ('$SITE', $EPOCH, 'open', 'operator', 'failover by hand', date_trunc('milliseconds', clock_timestamp()))
     on conflict (the_only) do update
       set (site, epoch, state, by, reason, at, sessions_ended) =
           (excluded.site, excluded.epoch, excluded.state, excluded.by, excluded.reason, excluded.at, 0)"

# Step 2: lead the traffic there.
printf '{"activeSite":"%s","epoch":%d}' "$SITE" "$EPOCH" >"$content"
aws s3api put-object --region "$REGION" --bucket "$SWITCH_BUCKET" --key takeover --body "$content" \
  --content-type application/json --cache-control no-store >/dev/null

# Step 3: scale, tell the pods, restart them; tier by tier.
cluster patch configmap service guard --patch "{\"data\":{\"ROLE\":\"active\",\"EPOCH\":\"$EPOCH\"}}" >/dev/null
while read -r -a services; do
  deployments=()
  for service in "${services[@]}"; do
    cluster scale deployment "${service%=*}" --replicas "${service#*=}" >/dev/null
    deployments+=("deployment/${service%=*}")
  done
  cluster rollout restart "${deployments[@]}" >/dev/null
  for deployment in "${deployments[@]}"; do cluster rollout status "$deployment" --timeout 120s >/dev/null; done
done <<<"$TIERS"
cluster rollout restart deployment/guard >/dev/null

# Step 4: verify.
verify
