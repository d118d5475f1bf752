#!/bin/bash
# Run once by the postgres image, when its volume is empty.
set -euo pipefail
URM_OWNER_PASSWORD="$(cat /run/secrets/owner_password)"
URM_APP_PASSWORD="$(cat /run/secrets/app_password)"
export URM_OWNER_PASSWORD URM_APP_PASSWORD
psql --no-psqlrc --username postgres --dbname postgres --file /urm/prepare_database.sql
