# shellcheck shell=bash disable=SC2034
# podman: an own storage, pushed from and pulled into.

install_podman() { need_apt podman podman; }
prepare_podman() { make_container_storage; }

podman_artifact_na="has no command that attaches a referrer"
podman_delete_na="has no command that deletes in a registry"

# podman_up SOURCE REPOSITORY: layers are packed anew on the way, so the digest pushed is noted beside the source's config.
podman_up() {
    local id
    id="$(bounded podman pull -q "oci:$SOURCE/$1:v1")"
    same "config of the source" "$(source_config "$1")" "sha256:${id#sha256:}"
    bounded podman push -q --format oci --tls-verify=false --digestfile "$WORK/podman-$2.digest" "$id" "docker://$REGISTRY/$PREFIX/$2:v1"
    bounded podman rmi -f "$id" >/dev/null
}
# podman_down SOURCE REPOSITORY: what arrives has the source's config, which names every layer's content.
podman_down() {
    local id
    id="$(bounded podman pull -q --tls-verify=false "docker://$REGISTRY/$PREFIX/$2:v1")"
    same "config pulled" "$(source_config "$1")" "sha256:${id#sha256:}"
    bounded podman rmi -f "$id" >/dev/null
}
podman_login() { login_checked bounded podman login --tls-verify=false -u "$USERNAME" --password-stdin "$REGISTRY"; }
podman_push() {
    podman_up small podman
    check_blobs "$PREFIX/podman" v1
}
podman_pull() { podman_down small podman; }
podman_digest() {
    same "digest in the registry" "$(cat "$WORK/podman-podman.digest")" "$(remote_digest "$PREFIX/podman" v1)"
    same "config in the registry" "$(source_config small)" \
        "$(ask "/v2/$PREFIX/podman/manifests/v1" -f | jq -r .config.digest)"
}
podman_member_configs() {
    local member
    for member in $(ask "/v2/$PREFIX/podman-index/manifests/v1" -f | jq -r '.manifests[].digest'); do
        same "member" "$member" "$(remote_digest "$PREFIX/podman-index" "$member")" >&2
        ask "/v2/$PREFIX/podman-index/manifests/$member" -f | jq -r .config.digest
    done | paste -sd ' '
}
podman_index() {
    local digest list="drift-podman-$$"
    bounded podman manifest create "$list"
    bounded podman manifest add --all "$list" "oci:$SOURCE/multi:v1"
    bounded podman manifest push --all --tls-verify=false --digestfile "$WORK/podman-index.digest" "$list" "docker://$REGISTRY/$PREFIX/podman-index:v1"
    bounded podman manifest rm "$list"
    digest="$(remote_digest "$PREFIX/podman-index" v1)"
    same "index in the registry" "$(cat "$WORK/podman-index.digest")" "$digest"
    # A member may be packed anew on the way, its config may not.
    same "members" "$(source_config small) $(source_config foreign)" "$(podman_member_configs)"
    podman_down small podman-index
}
podman_large() {
    podman_up large podman-large
    same "digest in the registry" "$(cat "$WORK/podman-podman-large.digest")" "$(remote_digest "$PREFIX/podman-large" v1)"
    podman_down large podman-large
}
podman_resume_na="uploads by the code of skopeo, which has its own row"
