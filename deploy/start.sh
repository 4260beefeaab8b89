#!/bin/bash
# `npm start`: set-up, then a two-node cluster with a demo application. Ends by itself; the cluster goes on.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
begin=$(date +%s.%N)
bash "$here/setup.sh"
printf '  %-24s %.2f s\n' 'set-up' "$(echo "$(date +%s.%N) $begin" | awk '{print $1 - $2}')"
exec "$here/../bin/wherry" demo --nodes 2
