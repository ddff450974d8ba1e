#!/bin/sh
# Fills the keys and the dashboard's login into the listener, and starts Envoy.
set -eu

case "$JWT_ISSUER" in
  http://*|https://*) ;;
  *) echo "ERROR: JWT_ISSUER must start with http:// or https:// (got: $JWT_ISSUER)" >&2; exit 1 ;;
esac

# Envoy takes passwords as the SHA-1 of an htpasswd file, and no other way.
hash=$(printf '%s' "$DASHBOARD_PASSWORD" | openssl sha1 -binary | openssl base64)

# quoted makes a text mean itself in a replacement of sed and between single quotes in YAML.
quoted() { printf '%s' "$1" | sed -e "s/'/''/g" -e 's/[\\&|]/\\&/g'; }

umask 077
sed -e "s|\${ANON_KEY}|$(quoted "$ANON_KEY")|" \
    -e "s|\${SERVICE_ROLE_KEY}|$(quoted "$SERVICE_ROLE_KEY")|" \
    -e "s|\${DASHBOARD_BASIC_AUTH}|$(quoted "$DASHBOARD_USERNAME:{SHA}$hash")|" \
    /etc/envoy/lds.template.yaml > /etc/envoy/lds.yaml

exec envoy -c /etc/envoy/envoy.yaml "$@"
