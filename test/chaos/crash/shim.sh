#!/bin/sh
# Stands in for a system program, under whose name it is found first in PATH, and runs that. It can end the process under test just before or just after:
#   WHERRY_CRASH_COMMAND   `<when> <number> <name>`: before, or after, the program has run for this time, counted from 1
#   WHERRY_CRASH_COMMANDS  a file that takes the name of each program that runs; beside it stands a folder when the crash has been done
#   WHERRY_CRASH_PID       whom to end
name=${0##*/}
real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$name")
if [ "$name" = crun ]; then
  for word; do
    case $word in create | start | delete | run) name=crun-$word && break ;; esac
  done
fi
[ -z "${WHERRY_CRASH_COMMANDS:-}" ] && exec "$real" "$@"
echo "$name" >>"$WHERRY_CRASH_COMMANDS"
read -r when number wanted <<END
${WHERRY_CRASH_COMMAND:-}
END
[ "$name" = "$wanted" ] || exec "$real" "$@"
[ "$(grep -cx "$name" "$WHERRY_CRASH_COMMANDS")" -ge "$number" ] || exec "$real" "$@"
mkdir "$WHERRY_CRASH_COMMANDS.done" 2>/dev/null || exec "$real" "$@"
if [ "$when" = before ]; then
  kill -KILL "$WHERRY_CRASH_PID"
  exec "$real" "$@"
fi
"$real" "$@"
code=$?
kill -KILL "$WHERRY_CRASH_PID"
exit "$code"
