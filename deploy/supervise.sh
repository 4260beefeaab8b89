#!/bin/sh
# Keeps one command running, started again whenever it ends, until this script gets TERM.
#   supervise.sh STEM COMMAND [ARGUMENT...]
# STEM.lock is held while this runs, so a second one for the same STEM ends at once; STEM.pid holds this script's pid and
# STEM.child the command's, with its start time, so that a child left behind by a killed supervisor is found and ended.
set -u

# When a process started, in clock ticks after boot; nothing for one that is gone.
started() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null; }

# The shell reads a script as it goes. As one function it is read whole before it begins, so that it may be replaced while it runs.
supervise() {
  stem=$1
  shift

  exec 9>"$stem.lock"
  flock -n 9 || exit 0
  echo $$ >"$stem.pid"

  if [ -f "$stem.child" ]; then
    read -r old since <"$stem.child"
    if [ -n "${since:-}" ] && [ "$(started "$old")" = "$since" ]; then
      kill -TERM "$old"
      tries=0
      while [ "$(started "$old")" = "$since" ] && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
      done
      [ "$(started "$old")" = "$since" ] && kill -KILL "$old"
    fi
  fi

  child=
  stopping=
  trap 'stopping=1; [ -n "$child" ] && kill -TERM "$child" 2>/dev/null' TERM INT

  delay=0
  while [ -z "$stopping" ]; do
    begin=$(date +%s)
    "$@" 9>&- &
    child=$!
    echo "$child $(started "$child")" >"$stem.child"
    # The signal may have come before there was this child to pass it on to.
    [ -n "$stopping" ] && kill -TERM "$child" 2>/dev/null
    # A trapped signal ends `wait` early; wait on until the child is gone.
    while kill -0 "$child" 2>/dev/null; do wait "$child"; done
    child=
    [ -n "$stopping" ] && break
    # One that ran well starts again at once; one that keeps failing is tried every five seconds at most.
    if [ $(($(date +%s) - begin)) -ge 10 ]; then delay=0; fi
    # In the background, since the shell heeds a signal only between commands and during `wait`.
    sleep "$delay" 9>&- &
    wait $!
    if [ "$delay" -lt 5 ]; then delay=$((delay + 1)); fi
  done
  rm -f "$stem.pid" "$stem.child"
  exit 0
}

supervise "$@"
