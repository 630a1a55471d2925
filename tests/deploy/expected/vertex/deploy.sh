#!/bin/sh
# Uploads the model of visit-notes, makes a dedicated endpoint and deploys to it.
# Wants PROJECT and REGION, and gcloud that is logged in.
set -eu

: "${PROJECT:?export PROJECT, the id of your project}"
: "${REGION:?export REGION, such as europe-west4}"
parent="https://$REGION-aiplatform.googleapis.com/v1/projects/$PROJECT/locations/$REGION"

# Sends a file, or standard input for -, and shows what came back.
send() {
  curl --fail-with-body --silent --show-error \
    --header "Authorization: Bearer $(gcloud auth print-access-token)" \
    --header "Content-Type: application/json" \
    --data "@$2" "$parent/$1"
}

# Waits until something exists: at most 30 minutes.
wait_for() {
  tries=0
  until gcloud ai "$1" describe visit-notes --project "$PROJECT" --region "$REGION" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -ge 180 ]; then
      echo "No $1 after 30 minutes; look at the operation above." >&2
      exit 1
    fi
    sleep 10
  done
}

send models:upload model.json
wait_for models
send "endpoints?endpointId=visit-notes" endpoint.json
wait_for endpoints
sed "s|PROJECT|$PROJECT|; s|REGION|$REGION|" deploy.json | send endpoints/visit-notes:deployModel -
gcloud ai endpoints describe visit-notes --project "$PROJECT" --region "$REGION" \
  --format="value(dedicatedEndpointDns)"
