# shellcheck shell=bash disable=SC2034
# umoci: builds images in OCI layouts; its manifests carry no `mediaType`. skopeo takes them to the registry and back.

install_umoci() {
    need_apt umoci umoci
    need_apt skopeo skopeo
}
prepare_umoci() {
    umoci init --layout "$WORK/umoci"
    umoci new --image "$WORK/umoci:v1"
    umoci insert --rootless --image "$WORK/umoci:v1" "$WORK/files/statement.txt" /statement.txt
}

umoci_login_na="speaks to no registry itself"
umoci_index_na="builds single images"
umoci_artifact_na="builds images"
umoci_large_na="what it builds goes through skopeo, which has its own row"
umoci_resume_na="what it builds goes through skopeo, which has its own row"
umoci_delete_na="speaks to no registry itself"

umoci_push() {
    bounded skopeo copy -q --dest-tls-verify=false "oci:$WORK/umoci:v1" "docker://$REGISTRY/$PREFIX/umoci:v1"
    check_blobs "$PREFIX/umoci" v1
}
umoci_pull() {
    bounded skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/$PREFIX/umoci:v1" "oci:$WORK/umoci-pulled:v1"
    bounded umoci unpack --rootless --image "$WORK/umoci-pulled:v1" "$WORK/umoci-bundle"
    cmp "$WORK/files/statement.txt" "$WORK/umoci-bundle/rootfs/statement.txt"
}
umoci_digest() {
    local source
    source="$(jq -r '.manifests[0].digest' "$WORK/umoci/index.json")"
    same "digest in the registry" "$source" "$(remote_digest "$PREFIX/umoci" v1)"
    same "digest pulled" "$source" "$(jq -r '.manifests[0].digest' "$WORK/umoci-pulled/index.json")"
}
