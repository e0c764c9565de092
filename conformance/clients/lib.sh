# shellcheck shell=bash
# Helpers of the client matrix: source images, checks against the registry, actions and their table.
# Sourced by `run`; a client file defines `prepare_CLIENT` and one function `CLIENT_ACTION` for each action it has, and
# `CLIENT_ACTION_na="reason"` for each it cannot do.

# `resume` stands before `large`: skopeo remembers where a blob is, and would mount it instead of pushing it again.
ACTIONS=(login push pull digest index artifact resume large delete)
LARGE_MIB="${DRIFT_LARGE_MIB:-1024}"
COMMAND_SECONDS="${DRIFT_COMMAND_SECONDS:-600}"
declare -A RESULTS=()

# bounded COMMAND...: no client may hang the run.
bounded() { timeout -k 10 "$COMMAND_SECONDS" "$@"; }

fail() {
    printf 'FAIL: %s\n' "$*"
    exit 1
}

# same WHAT EXPECTED ACTUAL
same() {
    [[ -n "$2" ]] || fail "$1: nothing to compare with"
    [[ "$2" == "$3" ]] || fail "$1: expected $2, found ${3:-nothing}"
    printf 'same %s: %s\n' "$1" "$2"
}

sha256_of() { printf 'sha256:%s\n' "$(sha256sum "$1" | cut -d' ' -f1)"; }

MANIFEST_TYPES=(
    application/vnd.oci.image.manifest.v1+json
    application/vnd.oci.image.index.v1+json
    application/vnd.docker.distribution.manifest.v2+json
    application/vnd.docker.distribution.manifest.list.v2+json
)

# ask PATH [curl options]: one request with the run's credentials.
ask() {
    local path=$1 options=()
    shift
    [[ -z "$USERNAME" ]] || options+=(-u "$USERNAME:$PASSWORD")
    curl -sS --max-time "$COMMAND_SECONDS" "${options[@]}" \
        -H "Accept: $(IFS=,; printf '%s' "${MANIFEST_TYPES[*]}")" "$@" "http://$REGISTRY$path"
}

manifest_status() { ask "/v2/$1/manifests/$2" -o /dev/null -w '%{http_code}'; }

# The digest of the manifest as the registry serves it, computed from its bytes; the header must agree.
remote_digest() {
    local body header
    body="$(mktemp "$WORK/manifest.XXXXXX")"
    header="$(ask "/v2/$1/manifests/$2" -f -o "$body" -D - | tr -d '\r' | sed -n 's/^docker-content-digest: //Ip')"
    [[ "$header" == "$(sha256_of "$body")" ]] || fail "$1:$2: Docker-Content-Digest $header is not of the bytes served"
    printf '%s\n' "$header"
}

# Every blob of an image in the registry is there, byte for byte as its digest says.
check_blobs() {
    local digest file="$WORK/blob"
    for digest in $(ask "/v2/$1/manifests/$2" -f | jq -r '.config.digest, .layers[].digest'); do
        ask "/v2/$1/blobs/$digest" -f -L -o "$file"
        same "blob" "$digest" "$(sha256_of "$file")"
    done
    rm -f "$file"
}

# gone REPOSITORY REFERENCE
gone() { same "status of the deleted $1 $2" 404 "$(manifest_status "$1" "$2")"; }

# killed_midway COMMAND...: SIGKILL once the command has written a quarter of the large layer.
killed_midway() {
    local pid written enough=$((LARGE_MIB * 1024 * 1024 / 4))
    "$@" &
    pid=$!
    while :; do
        written="$(sed -n 's/^wchar: //p' "/proc/$pid/io" 2>/dev/null || true)"
        [[ -n "$written" ]] || fail "the push ended before it could be killed"
        ((written < enough)) || break
        sleep 0.01
    done
    kill -KILL "$pid"
    wait "$pid" && fail "the push ended before it was killed"
    printf 'killed after %s bytes\n' "$written"
}

# put_blob LAYOUT FILE: moves the file into the layout and prints its digest and size.
put_blob() {
    local hex size
    hex="$(sha256sum "$2" | cut -d' ' -f1)"
    size="$(stat -c %s "$2")"
    mkdir -p "$1/blobs/sha256"
    mv "$2" "$1/blobs/sha256/$hex"
    printf 'sha256:%s %s\n' "$hex" "$size"
}

# finish_layout LAYOUT MEDIA_TYPE DIGEST SIZE: the layout's one entry, tagged v1.
finish_layout() {
    printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s","digest":"%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}' \
        "$2" "$3" "$4" >"$1/index.json"
    printf '%s' "$3" >"$1.digest"
}

# make_image NAME ARCHITECTURE TAR: an image of one layer as OCI layout $SOURCE/NAME, tag v1, digest in NAME.digest.
make_image() {
    local layout="$SOURCE/$1" diff layer layer_size config config_size manifest manifest_size
    mkdir -p "$layout"
    diff="$(sha256_of "$3")"
    gzip -1 -n -c "$3" >"$WORK/layer.gz"
    read -r layer layer_size < <(put_blob "$layout" "$WORK/layer.gz")
    printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/file"]},"rootfs":{"type":"layers","diff_ids":["%s"]},"history":[{"created":"2024-01-01T00:00:00Z","created_by":"drift"}]}' \
        "$2" "$diff" >"$WORK/config.json"
    read -r config config_size < <(put_blob "$layout" "$WORK/config.json")
    printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"%s","size":%s}]}' \
        "${MANIFEST_TYPES[0]}" "$config" "$config_size" "$layer" "$layer_size" >"$WORK/manifest.json"
    read -r manifest manifest_size < <(put_blob "$layout" "$WORK/manifest.json")
    finish_layout "$layout" "${MANIFEST_TYPES[0]}" "$manifest" "$manifest_size"
    printf '%s' "$config" >"$layout.config"
    printf '{"mediaType":"%s","digest":"%s","size":%s,"platform":{"architecture":"%s","os":"linux"}}' \
        "${MANIFEST_TYPES[0]}" "$manifest" "$manifest_size" "$2" >"$layout.descriptor"
}

# The images every client starts from: `small` (the machine's architecture), `foreign`, `multi` (an index of both), `large`.
make_sources() {
    local machine=amd64 other=arm64 digest size name
    SOURCE="$WORK/source"
    mkdir -p "$SOURCE" "$WORK/files"
    if [[ "$(uname -m)" == aarch64 ]]; then
        machine=arm64 other=amd64
    fi
    # shellcheck disable=SC2034 # read by the client files
    OTHER_ARCHITECTURE=$other
    for name in small foreign; do
        head -c 300000 /dev/urandom >"$WORK/files/file"
        tar -C "$WORK/files" -cf "$SOURCE/$name.tar" file
    done
    make_image small "$machine" "$SOURCE/small.tar"
    make_image foreign "$other" "$SOURCE/foreign.tar"
    mkdir -p "$SOURCE/multi"
    cp -r "$SOURCE/small/blobs" "$SOURCE/foreign/blobs" "$SOURCE/multi/"
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s,%s]}' "${MANIFEST_TYPES[1]}" \
        "$(cat "$SOURCE/small.descriptor")" "$(cat "$SOURCE/foreign.descriptor")" >"$WORK/index.json"
    read -r digest size < <(put_blob "$SOURCE/multi" "$WORK/index.json")
    finish_layout "$SOURCE/multi" "${MANIFEST_TYPES[1]}" "$digest" "$size"
    say "making a layer of $LARGE_MIB MiB"
    head -c "${LARGE_MIB}M" /dev/urandom >"$WORK/files/file"
    tar -C "$WORK/files" -cf "$SOURCE/large.tar" file
    make_image large "$machine" "$SOURCE/large.tar"
    rm "$WORK/files/file"
    printf 'a statement about the image\n' >"$WORK/files/statement.txt"
}

source_digest() { cat "$SOURCE/$1.digest"; }
source_config() { cat "$SOURCE/$1.config"; }

# One login file for all clients that read docker's.
make_login() {
    export DOCKER_CONFIG="$WORK/docker-config" HELM_REGISTRY_CONFIG="$WORK/docker-config/config.json"
    export REGISTRY_AUTH_FILE="$WORK/docker-config/config.json" REGCTL_CONFIG="$WORK/regctl.json"
    mkdir -p "$DOCKER_CONFIG"
    if [[ -n "$USERNAME" ]]; then
        printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$(printf '%s:%s' "$USERNAME" "$PASSWORD" | base64 -w0)" \
            >"$DOCKER_CONFIG/config.json"
    else
        printf '{"auths":{}}' >"$DOCKER_CONFIG/config.json"
    fi
}

# login_checked COMMAND...: the command reads a password from its input; the right one passes, a wrong one is refused.
login_checked() {
    local wrong="$WORK/wrong-login"
    mkdir -p "$wrong"
    printf '{}' >"$wrong/config.json"
    if printf '%s-wrong' "$PASSWORD" | DOCKER_CONFIG="$wrong" HELM_REGISTRY_CONFIG="$wrong/config.json" \
        REGISTRY_AUTH_FILE="$wrong/config.json" REGCTL_CONFIG="$wrong/regctl.json" "$@"; then
        fail "a wrong password was taken"
    fi
    printf '%s' "$PASSWORD" | DOCKER_CONFIG="$wrong" HELM_REGISTRY_CONFIG="$wrong/config.json" \
        REGISTRY_AUTH_FILE="$wrong/config.json" REGCTL_CONFIG="$wrong/regctl.json" "$@"
}

# An own storage for podman and buildah, so that nothing of the machine's is touched.
make_container_storage() {
    export CONTAINERS_STORAGE_CONF="$WORK/storage.conf"
    [[ -e "$CONTAINERS_STORAGE_CONF" ]] && return 0
    printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/storage"\nrunroot = "%s/storage-run"\n' "$WORK" "$WORK" \
        >"$CONTAINERS_STORAGE_CONF"
}

run_action() {
    local client=$1 action=$2 log="$WORK/logs/$1-$2.log" reason_name="${1}_${2}_na" started=$SECONDS
    if [[ -n "${!reason_name:-}" ]]; then
        RESULTS[$client,$action]="n/a"
        NOTES+=("$client $action: ${!reason_name}")
        return 0
    fi
    if [[ "$action" == login && -z "$USERNAME" ]]; then
        RESULTS[$client,$action]="n/a"
        return 0
    fi
    if ! declare -F "${client}_$action" >/dev/null; then
        RESULTS[$client,$action]=FAIL
        NOTES+=("$client $action: neither an action nor a reason why not")
        return 0
    fi
    # In the background, since `set -e` has no force inside a condition.
    (
        set -euxo pipefail
        "${client}_$action"
    ) >"$log" 2>&1 &
    if wait $!; then
        RESULTS[$client,$action]=ok
    else
        RESULTS[$client,$action]=FAIL
        say "--- $client $action failed; the end of its log:"
        tail -n 12 "$log" >&2
    fi
    say "$client $action: ${RESULTS[$client,$action]} ($((SECONDS - started)) s)"
}

print_table() {
    local client action
    printf '%-10s' client
    printf '%-10s' "${ACTIONS[@]}"
    printf '\n'
    for client in "$@"; do
        printf '%-10s' "$client"
        for action in "${ACTIONS[@]}"; do
            printf '%-10s' "${RESULTS[$client,$action]}"
        done
        printf '\n'
    done
    printf '\n'
    ((${#NOTES[@]} == 0)) || printf 'n/a %s\n' "${NOTES[@]}"
}
