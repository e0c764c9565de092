# shellcheck shell=bash disable=SC2034
# crane (go-containerregistry): pushes OCI layouts, pulls into them.

install_crane() { need_go crane github.com/google/go-containerregistry/cmd/crane@latest; }
prepare_crane() { :; }

crane_login_na="keeps a login without asking the registry"
crane_artifact_na="has no command that attaches a referrer"

crane_up() { bounded crane push --insecure "$SOURCE/$1" "$REGISTRY/$PREFIX/$2:v1"; }
# crane_down REPOSITORY FOLDER: prints the digest of what arrived.
crane_down() {
    bounded crane pull --insecure --format=oci "$REGISTRY/$PREFIX/$1:v1" "$2"
    jq -r '.manifests[0].digest' "$2/index.json"
}

crane_push() {
    crane_up small crane
    check_blobs "$PREFIX/crane" v1
}
crane_pull() {
    same "digest pulled" "$(source_digest small)" "$(crane_down crane "$WORK/crane-small")"
    bounded crane validate --insecure --remote "$REGISTRY/$PREFIX/crane:v1"
}
crane_digest() {
    same "digest in the registry" "$(source_digest small)" "$(remote_digest "$PREFIX/crane" v1)"
    same "digest by crane" "$(source_digest small)" "$(bounded crane digest --insecure "$REGISTRY/$PREFIX/crane:v1")"
}
crane_index() {
    crane_up multi crane-index
    same "index in the registry" "$(source_digest multi)" "$(remote_digest "$PREFIX/crane-index" v1)"
    same "index pulled" "$(source_digest multi)" "$(crane_down crane-index "$WORK/crane-multi")"
    same "member by platform" "$(source_digest foreign)" \
        "$(bounded crane digest --insecure --platform "linux/$OTHER_ARCHITECTURE" "$REGISTRY/$PREFIX/crane-index:v1")"
}
crane_large() {
    crane_up large crane-large
    same "digest pulled" "$(source_digest large)" "$(crane_down crane-large "$WORK/crane-large")"
    rm -rf "$WORK/crane-large"
}
crane_resume() {
    killed_midway crane push --insecure "$SOURCE/large" "$REGISTRY/$PREFIX/crane-resume:v1"
    gone "$PREFIX/crane-resume" v1
    crane_up large crane-resume
    same "digest in the registry" "$(source_digest large)" "$(remote_digest "$PREFIX/crane-resume" v1)"
    check_blobs "$PREFIX/crane-resume" v1
}
crane_delete() {
    bounded crane delete --insecure "$REGISTRY/$PREFIX/crane@$(source_digest small)"
    gone "$PREFIX/crane" "$(source_digest small)"
}
