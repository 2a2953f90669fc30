#!/bin/sh
# Sees that what the tests start for real is installed: OpenSSH's sshd, nginx, Chromium, gettext for catalogues, the
# shells that complete our tasks or that accounts have, and strace, which sees what the phases of a build read.
# Installs what is missing with apt when it may, and says what is missing when it may not.
set -eu
PATH="$PATH:/usr/sbin:/sbin"

missing=""
command -v sshd >/dev/null || missing="$missing openssh-server"
command -v nginx >/dev/null || missing="$missing nginx-light"
command -v sudo >/dev/null || missing="$missing sudo"
command -v git >/dev/null || missing="$missing git"
command -v chromium >/dev/null || missing="$missing chromium"
command -v msgfmt >/dev/null || missing="$missing gettext"
command -v zsh >/dev/null || missing="$missing zsh"
command -v fish >/dev/null || missing="$missing fish"
command -v tcsh >/dev/null || missing="$missing tcsh"
command -v strace >/dev/null || missing="$missing strace"
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # a server of the tests' own is started for each run; the system's is not wanted
    # shellcheck disable=SC2086
    RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "the integration tests need, and may not install:$missing" >&2
    echo "  mend: sudo apt-get install$missing" >&2
    exit 1
fi
