#!/usr/bin/env bash
# The same as `by-hand.sh`, by somebody who has trained for it: at once what does not depend on each other, pods scaled and
# restarted in one call, traffic led and verified while the tiers still roll. Its environment is the same.
set -euo pipefail
export LC_ALL=C TZ=UTC AWS_PAGER=''
content=$(mktemp)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -f "$content"' EXIT

# As the owner, who may write where the services may not.
sql() {
  PGSERVICE=$SITE PGCONNECT_TIMEOUT=2 PGOPTIONS='-c default_transaction_read_only=off -c idle_session_timeout=0' \
    psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --command "$1"
}

cluster() { kubectl --context "$SITE" "$@"; }

all() { # <pid>... fails with the first one that failed
  local pid
  for pid in "$@"; do wait "$pid"; done
}

# `kubectl scale` and `kubectl rollout restart` in one call, so that no pod is made twice.
restart() { # <deployment> [pods]
  local at pods=${2:+\"replicas\":$2,}
  printf -v at '%(%FT%TZ)T' -1
  cluster patch deployment "$1" --patch \
    "{\"spec\":{$pods\"template\":{\"metadata\":{\"annotations\":{\"kubectl.kubernetes.io/restartedAt\":\"$at\"}}}}}" >/dev/null
}

roll_out() { # <deployment> [pods]
  restart "$@"
  cluster rollout status deployment "$1" --timeout 120s >/dev/null
}

request() { # <curl arguments>
  curl --silent --connect-timeout 1 --max-time 2 --cacert "$NODE_EXTRA_CA_CERTS" --resolve "$APP:$CHANGEOVER_PORT:$address" "$@"
}

# Until a write is taken, and read back, by the site that took over in its epoch.
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

# Step 1, promote the replica; step 2, lead the traffic to it; the first half of step 3, tell pods that start from now on.
aws rds promote-read-replica --region "$REGION" --db-instance-identifier "$DATABASE_ID" >/dev/null &
promotion=$!
printf '{"activeSite":"%s","epoch":%d}' "$SITE" "$EPOCH" >"$content"
aws s3api put-object --region "$REGION" --bucket "$SWITCH_BUCKET" --key takeover --body "$content" \
  --content-type application/json --cache-control no-store >/dev/null &
switch=$!
cluster patch configmap service guard --patch "{\"data\":{\"ROLE\":\"active\",\"EPOCH\":\"$EPOCH\"}}" >/dev/null &
settings=$!

# `aws rds wait` looks every 30 seconds; this looks as often as is any use.
wait "$promotion"
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

# Step 3, tier by tier; step 4 begins with it, and ends the clock.
all "$settings" "$switch"
verify &
verified=$!
while read -r -a services; do
  rolling=()
  for service in "${services[@]}"; do
    roll_out "${service%=*}" "${service#*=}" &
    rolling+=($!)
  done
  all "${rolling[@]}"
done <<<"$TIERS"
restart guard
wait "$verified"
