#!/bin/sh
# Fills the variables of kong.yml in, drops the keys that are not set, and starts Kong. What is no variable of this
# container stays as it is.
set -eu

awk '{
  out = ""; rest = $0
  while (match(rest, /\$[A-Za-z_][A-Za-z_0-9]*/)) {
    name = substr(rest, RSTART + 1, RLENGTH - 1)
    value = name in ENVIRON ? ENVIRON[name] : "$" name
    out = out substr(rest, 1, RSTART - 1) value
    rest = substr(rest, RSTART + RLENGTH)
  }
  line = out rest
  if (line !~ /^[ \t]*- key:[ \t]*$/) print line
}' /home/kong/temp.yml > "$KONG_DECLARATIVE_CONFIG"

exec /entrypoint.sh kong docker-start
