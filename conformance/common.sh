# shellcheck shell=bash
# What the scripts under `conformance/` share: tools they need, a fresh daemon to speak to, a tidy end.
# Sourced, never run. Sets TOOLS, WORK, REGISTRY, USERNAME and PASSWORD.

TOOLS="${DRIFT_TOOLS:-$HOME/.cache/drift-tools}/bin"
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
REGISTRY=""
USERNAME=""
PASSWORD=""
STARTED_PIDS=()
export PATH="$TOOLS:$PATH:/usr/sbin:/sbin"

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 2
}

# Ends a process this script started, and waits for it; SIGKILL when it does not go by itself.
stop_process() {
    local pid=$1 tries
    kill -TERM "$pid" 2>/dev/null || return 0
    for ((tries = 0; tries < 100; tries++)); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}

clean_up() {
    local index mounted
    for ((index = ${#STARTED_PIDS[@]} - 1; index >= 0; index--)); do
        stop_process "${STARTED_PIDS[index]}"
    done
    # Container storage leaves mounts below its root.
    while read -r mounted; do
        umount -l "$mounted" 2>/dev/null || true
    done < <(awk -v work="$WORK/" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r)
    if [[ -n "${KEEP_WORK:-}" ]]; then
        say "kept: $WORK"
    else
        rm -rf --one-file-system "$WORK"
    fi
}

# A scratch folder, removed at the end together with every process noted in STARTED_PIDS.
make_work() {
    # Lower case throughout: podman and buildah take a layout's path for a repository name.
    WORK="${TMPDIR:-/tmp}/drift-conformance.$$.$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')"
    mkdir -m 700 "$WORK"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# need_apt COMMAND PACKAGE
need_apt() {
    command -v "$1" >/dev/null && return 0
    say "installing $2"
    [[ "$(id -u)" == 0 ]] || die "$1 is missing, and installing $2 takes root"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null ||
        die "installing $2 failed"
}

# need_go COMMAND MODULE@VERSION
need_go() {
    [[ -x "$TOOLS/$1" ]] && return 0
    command -v "$1" >/dev/null && return 0
    command -v go >/dev/null || need_apt go golang-go
    say "installing $1 ($2)"
    mkdir -p "$TOOLS"
    GOBIN="$TOOLS" go install "$2" >"$TOOLS/$1.log" 2>&1 || die "go install $2 failed: $(tail -n 3 "$TOOLS/$1.log")"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < until)) || return 1
        sleep 0.1
    done
}

drift_binary() {
    local candidate
    for candidate in "${DRIFT_BIN:-}" "$ROOT/target/release/drift" "$ROOT/target/debug/drift"; do
        if [[ -n "$candidate" && -x "$candidate" ]]; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    die "no drift binary: set DRIFT_BIN or build one with cargo build --release"
}

# Starts a fresh daemon on a free port and an empty folder; sets REGISTRY, USERNAME, PASSWORD.
start_drift() {
    local binary pid
    binary="$(drift_binary)"
    USERNAME=conformance
    PASSWORD=conformance-password
    mkdir "$WORK/drift"
    DRIFT_BIND_ADDR=127.0.0.1:0 DRIFT_UI_ADDR=127.0.0.1:0 DRIFT_FS_ROOT="$WORK/drift" \
        DRIFT_USERS="$USERNAME:$PASSWORD" DRIFT_MISSING_REFERENCES=allow \
        "$binary" >"$WORK/drift.out" 2>"$WORK/drift.log" &
    pid=$!
    STARTED_PIDS+=("$pid")
    # shellcheck disable=SC2317 # called by wait_for
    drift_settled() { grep -q '^drift: ready' "$WORK/drift.out" || ! kill -0 "$pid"; }
    wait_for 30 drift_settled || die "drift did not become ready within 30 s: $(tail -n 5 "$WORK/drift.log")"
    REGISTRY="$(sed -n 's|^drift: API listening on http://||p' "$WORK/drift.out" | head -n 1)"
    [[ -n "$REGISTRY" ]] || die "drift did not start: $(tail -n 5 "$WORK/drift.log")"
    say "drift ($binary) at $REGISTRY"
}

# The registry named on the command line, or a fresh daemon.
have_registry() {
    if [[ -z "$REGISTRY" ]]; then
        start_drift
    fi
    local status
    status="$(curl -sS -o /dev/null -w '%{http_code}' "http://$REGISTRY/v2/")" || die "nothing answers at http://$REGISTRY/v2/"
    [[ "$status" == 200 || "$status" == 401 ]] || die "http://$REGISTRY/v2/ answers $status, which is no registry"
}
