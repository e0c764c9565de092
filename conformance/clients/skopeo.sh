# shellcheck shell=bash disable=SC2034
# skopeo: copies between OCI layouts and the registry.

install_skopeo() { need_apt skopeo skopeo; }
prepare_skopeo() { :; }

skopeo_artifact_na="has no command that attaches a referrer"

# skopeo_up SOURCE REPOSITORY [options]
skopeo_up() {
    local name=$1 repository=$2
    shift 2
    bounded skopeo copy -q --preserve-digests --dest-tls-verify=false "$@" "oci:$SOURCE/$name:v1" "docker://$REGISTRY/$PREFIX/$repository:v1"
}

# skopeo_down REPOSITORY FOLDER [options]: prints the digest of what arrived.
skopeo_down() {
    local repository=$1 folder=$2
    shift 2
    bounded skopeo copy -q --src-tls-verify=false "$@" "docker://$REGISTRY/$PREFIX/$repository:v1" "oci:$folder:v1"
    jq -r '.manifests[0].digest' "$folder/index.json"
}

skopeo_login() { login_checked bounded skopeo login --tls-verify=false -u "$USERNAME" --password-stdin "$REGISTRY"; }
skopeo_push() {
    skopeo_up small skopeo
    check_blobs "$PREFIX/skopeo" v1
}
skopeo_pull() { same "digest pulled" "$(source_digest small)" "$(skopeo_down skopeo "$WORK/skopeo-small")"; }
skopeo_digest() {
    same "digest in the registry" "$(source_digest small)" "$(remote_digest "$PREFIX/skopeo" v1)"
    same "digest by inspect" "$(source_digest small)" \
        "$(bounded skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/$PREFIX/skopeo:v1")"
}
skopeo_index() {
    skopeo_up multi skopeo-index --all
    same "index in the registry" "$(source_digest multi)" "$(remote_digest "$PREFIX/skopeo-index" v1)"
    same "index pulled" "$(source_digest multi)" "$(skopeo_down skopeo-index "$WORK/skopeo-multi" --all)"
}
skopeo_large() {
    skopeo_up large skopeo-large
    same "digest pulled" "$(source_digest large)" "$(skopeo_down skopeo-large "$WORK/skopeo-large")"
    rm -rf "$WORK/skopeo-large"
}
skopeo_resume() {
    killed_midway skopeo copy -q --preserve-digests --dest-tls-verify=false "oci:$SOURCE/large:v1" "docker://$REGISTRY/$PREFIX/skopeo-resume:v1"
    gone "$PREFIX/skopeo-resume" v1
    skopeo_up large skopeo-resume
    same "digest in the registry" "$(source_digest large)" "$(remote_digest "$PREFIX/skopeo-resume" v1)"
    check_blobs "$PREFIX/skopeo-resume" v1
}
skopeo_delete() {
    bounded skopeo delete --tls-verify=false "docker://$REGISTRY/$PREFIX/skopeo:v1"
    gone "$PREFIX/skopeo" "$(source_digest small)"
}
