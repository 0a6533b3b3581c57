#!/bin/sh
# Prepares the directories and hands over to the program, which then is process 1 and gets the signals. Words behind the
# image's name are a subcommand and its options: `docker run dstack-ingress plan`.
set -eu
# Process 1 does not hear a signal that it has no answer for. The program has its own, from its first line on.
trap 'exit 143' TERM
trap 'exit 130' INT
umask 022
if [ "${1:-run}" = run ]; then
  trap 'exit 0' TERM INT
  # What is missing here is reported by the program, which serves what it has all the same.
  mkdir -p "${LETSENCRYPT_DIR:-/etc/letsencrypt}" "${EVIDENCE_DIR:-/evidences}" "${RUNTIME_DIR:-/run/dstack-ingress}" || true
fi
exec node --max-semi-space-size=1 /usr/local/lib/dstack-ingress/main.js "$@"
