#!/usr/bin/env bash
# Publishes a purchase through a running container and waits for what is decided about it.
# RUN says how a command is run there; without Docker: RUN=env deploy/smoke.sh
set -euo pipefail
cd "$(dirname "$0")/.."

run=(${RUN:-docker compose exec -T streams})
health=${HEALTH:-http://127.0.0.1:8080/readyz}
patience_s=${PATIENCE_S:-180}
user=smoke-$$-$RANDOM

wait_for() { # wait_for WHAT COMMAND…: until the command succeeds
  local what=$1 said until=$((SECONDS + patience_s))
  shift
  until said=$("$@" 2>&1); do
    if ((SECONDS > until)); then
      echo "✗ $what: not within $patience_s s" >&2
      echo "$said" >&2
      exit 1
    fi
    sleep 1
  done
  echo "✓ $what"
}

decided() {
  "${run[@]}" nudge tap push.decisions --user "$user" --since 1h --json | grep -m 1 order_confirmed
}

wait_for "the worker is ready" "${run[@]}" python -m runtime.probe "$health"
"${run[@]}" nudge publish purchase --user "$user" order_id="$user" value=4990 currency=PLN \
  'items=[{"product_id": "tea-1", "quantity": 1, "price": 4990}]'
wait_for "the purchase of $user was decided upon" decided
decided
