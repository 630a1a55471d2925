#!/bin/sh
# Looks at what was asked and answered since the last time; cron or systemd starts it.
# It says something only where there is an alarm (it ends with 1) or a fault (2 or more), so that a
# mail of cron is worth opening.

workspace='/srv/visit notes'
program=/opt/burnish/bin/burnish

# Settings that cron does not know, such as BURNISH_DATABASE; see watch.env.example.
settings=$(dirname "$0")/watch.env
if [ -r "$settings" ]; then
  set -a
  . "$settings"
  set +a
fi

said=$("$program" watch --workspace "$workspace" --quiet 2>&1)
code=$?

# MLflow's registry follows who answers.
told=$("$program" history --workspace "$workspace" --mirror --quiet 2>&1)
mirrored=$?
if [ "$mirrored" -ne 0 ]; then
  said="$said
$told"
  [ "$code" -ne 0 ] || code=$mirrored
fi

if [ "$code" -ne 0 ]; then
  printf '%s\n' "$said"
fi
exit "$code"
