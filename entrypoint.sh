#!/bin/sh
# Prepares the directories and executes the program, which then is process 1 and receives the
# signals. Arguments after the image's name are a subcommand and its options: `docker run
# dstack-ingress plan`.
set -eu
# Process 1 ignores a signal without a handler. The program installs its handlers first.
trap 'exit 143' TERM
trap 'exit 130' INT
umask 022
if [ "${1:-run}" = run ]; then
  trap 'exit 0' TERM INT
  # The program reports what is missing here, and still serves the certificates that it has.
  mkdir -p "${LETSENCRYPT_DIR:-/etc/letsencrypt}" "${EVIDENCE_DIR:-/evidences}" "${RUNTIME_DIR:-/run/dstack-ingress}" || true
fi
exec node --max-semi-space-size=1 /usr/local/lib/dstack-ingress/main.js "$@"
