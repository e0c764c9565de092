# shellcheck shell=bash disable=SC2034
# buildah: an own storage, pushed from and pulled into.

install_buildah() { need_apt buildah buildah; }
prepare_buildah() { make_container_storage; }

buildah_artifact_na="has no command that attaches a referrer"
buildah_delete_na="has no command that deletes in a registry"

# buildah_up SOURCE REPOSITORY: layers are packed anew on the way, so the digest pushed is noted beside the source's config.
buildah_up() {
    local id
    id="$(bounded buildah pull -q "oci:$SOURCE/$1:v1")"
    same "config of the source" "$(source_config "$1")" "sha256:${id#sha256:}"
    bounded buildah push -q --format oci --tls-verify=false --digestfile "$WORK/buildah-$2.digest" "$id" "docker://$REGISTRY/$PREFIX/$2:v1"
    bounded buildah rmi -f "$id" >/dev/null
}
# buildah_down SOURCE REPOSITORY: what arrives has the source's config, which names every layer's content.
buildah_down() {
    local id
    id="$(bounded buildah pull -q --tls-verify=false "docker://$REGISTRY/$PREFIX/$2:v1")"
    same "config pulled" "$(source_config "$1")" "sha256:${id#sha256:}"
    bounded buildah rmi -f "$id" >/dev/null
}
buildah_login() { login_checked bounded buildah login --tls-verify=false -u "$USERNAME" --password-stdin "$REGISTRY"; }
buildah_push() {
    buildah_up small buildah
    check_blobs "$PREFIX/buildah" v1
}
buildah_pull() { buildah_down small buildah; }
buildah_digest() {
    same "digest in the registry" "$(cat "$WORK/buildah-buildah.digest")" "$(remote_digest "$PREFIX/buildah" v1)"
    same "config in the registry" "$(source_config small)" \
        "$(ask "/v2/$PREFIX/buildah/manifests/v1" -f | jq -r .config.digest)"
}
buildah_member_configs() {
    local member
    for member in $(ask "/v2/$PREFIX/buildah-index/manifests/v1" -f | jq -r '.manifests[].digest'); do
        same "member" "$member" "$(remote_digest "$PREFIX/buildah-index" "$member")" >&2
        ask "/v2/$PREFIX/buildah-index/manifests/$member" -f | jq -r .config.digest
    done | paste -sd ' '
}
buildah_index() {
    local digest list="drift-buildah-$$"
    bounded buildah manifest create "$list"
    bounded buildah manifest add --all "$list" "oci:$SOURCE/multi:v1"
    bounded buildah manifest push --all --tls-verify=false --digestfile "$WORK/buildah-index.digest" "$list" "docker://$REGISTRY/$PREFIX/buildah-index:v1"
    bounded buildah manifest rm "$list"
    digest="$(remote_digest "$PREFIX/buildah-index" v1)"
    same "index in the registry" "$(cat "$WORK/buildah-index.digest")" "$digest"
    # A member may be packed anew on the way, its config may not.
    same "members" "$(source_config small) $(source_config foreign)" "$(buildah_member_configs)"
    buildah_down small buildah-index
}
buildah_large() {
    buildah_up large buildah-large
    same "digest in the registry" "$(cat "$WORK/buildah-buildah-large.digest")" "$(remote_digest "$PREFIX/buildah-large" v1)"
    buildah_down large buildah-large
}
buildah_resume_na="uploads by the code of skopeo, which has its own row"
