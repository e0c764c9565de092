# shellcheck shell=bash disable=SC2034
# oras: copies layouts, attaches and lists referrers.

install_oras() { need_go oras oras.land/oras/cmd/oras@latest; }
prepare_oras() { :; }

oras_up() { bounded oras copy --from-oci-layout --to-plain-http "$SOURCE/$1:v1" "$REGISTRY/$PREFIX/$2:v1"; }
# oras_down REPOSITORY FOLDER: prints the digest of what arrived.
oras_down() {
    bounded oras copy --from-plain-http --to-oci-layout "$REGISTRY/$PREFIX/$1:v1" "$2:v1" >&2
    jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "v1") | .digest' "$2/index.json"
}

oras_login() {
    login_checked bounded oras login --plain-http --registry-config "$WORK/oras-login.json" -u "$USERNAME" --password-stdin "$REGISTRY"
}
oras_push() {
    oras_up small oras
    check_blobs "$PREFIX/oras" v1
}
oras_pull() { same "digest pulled" "$(source_digest small)" "$(oras_down oras "$WORK/oras-small")"; }
oras_digest() {
    same "digest in the registry" "$(source_digest small)" "$(remote_digest "$PREFIX/oras" v1)"
    same "digest by oras" "$(source_digest small)" "$(bounded oras resolve --plain-http "$REGISTRY/$PREFIX/oras:v1")"
}
oras_index() {
    oras_up multi oras-index
    same "index in the registry" "$(source_digest multi)" "$(remote_digest "$PREFIX/oras-index" v1)"
    same "index pulled" "$(source_digest multi)" "$(oras_down oras-index "$WORK/oras-multi")"
}
oras_artifact() {
    local folder="$WORK/oras-artifact" referrer
    cd "$WORK/files" || exit 1
    bounded oras push --plain-http "$REGISTRY/$PREFIX/oras-artifact:v1" --artifact-type application/vnd.drift.test statement.txt:text/plain
    mkdir "$folder"
    bounded oras pull --plain-http -o "$folder" "$REGISTRY/$PREFIX/oras-artifact:v1"
    cmp statement.txt "$folder/statement.txt"
    bounded oras attach --plain-http --artifact-type application/vnd.drift.statement "$REGISTRY/$PREFIX/oras-artifact:v1" statement.txt:text/plain
    bounded oras attach --plain-http --artifact-type application/vnd.drift.other "$REGISTRY/$PREFIX/oras-artifact:v1" statement.txt:text/plain
    bounded oras discover --plain-http --format json --artifact-type application/vnd.drift.statement \
        "$REGISTRY/$PREFIX/oras-artifact:v1" >"$folder/discovered.json"
    same "referrers of one type" 1 "$(jq '(.referrers // .manifests) | length' "$folder/discovered.json")"
    referrer="$(jq -r '(.referrers // .manifests)[0].digest' "$folder/discovered.json")"
    same "referrer in the registry" "$referrer" "$(remote_digest "$PREFIX/oras-artifact" "$referrer")"
}
oras_large() {
    oras_up large oras-large
    same "digest pulled" "$(source_digest large)" "$(oras_down oras-large "$WORK/oras-large")"
    rm -rf "$WORK/oras-large"
}
oras_resume() {
    killed_midway oras copy --no-tty --from-oci-layout --to-plain-http "$SOURCE/large:v1" "$REGISTRY/$PREFIX/oras-resume:v1"
    gone "$PREFIX/oras-resume" v1
    oras_up large oras-resume
    same "digest in the registry" "$(source_digest large)" "$(remote_digest "$PREFIX/oras-resume" v1)"
    check_blobs "$PREFIX/oras-resume" v1
}
oras_delete() {
    bounded oras manifest delete --force --plain-http "$REGISTRY/$PREFIX/oras@$(source_digest small)"
    gone "$PREFIX/oras" "$(source_digest small)"
}
