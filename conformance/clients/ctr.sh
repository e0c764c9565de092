# shellcheck shell=bash disable=SC2034
# ctr: containerd's own client, with an own containerd beside it.

install_ctr() {
    need_apt containerd containerd
    need_apt ctr containerd
}
prepare_ctr() {
    mkdir -p "$WORK/containerd"
    printf 'version = 2\nroot = "%s/root"\nstate = "%s/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "%s/socket"\n[ttrpc]\naddress = "%s/socket.ttrpc"\n' \
        "$WORK/containerd" "$WORK/containerd" "$WORK/containerd" "$WORK/containerd" >"$WORK/containerd/config.toml"
    containerd --config "$WORK/containerd/config.toml" >"$WORK/containerd/log" 2>&1 &
    STARTED_PIDS+=($!)
    wait_for 30 ctr_at version || die "containerd did not start: $(tail -n 3 "$WORK/containerd/log")"
}

ctr_artifact_na="has no command that attaches a referrer"
ctr_delete_na="has no command that deletes in a registry"
ctr_login_na="keeps no login; each of its commands carries the credentials"
ctr_resume_na="pushes from its daemon, which outlives the client"

ctr_at() { bounded ctr -a "$WORK/containerd/socket" -n drift "$@"; }
ctr_user() { [[ -z "$USERNAME" ]] || printf '%s\n' -u "$USERNAME:$PASSWORD"; }
ctr_digest_of() { ctr_at images ls "name==$1" | awk 'NR == 2 { print $3 }'; }

# ctr_up SOURCE REPOSITORY
ctr_up() {
    local name="$REGISTRY/$PREFIX/$2" user
    mapfile -t user < <(ctr_user)
    tar -C "$SOURCE/$1" -cf "$WORK/ctr.tar" oci-layout index.json blobs
    ctr_at images import --no-unpack --all-platforms --base-name "$name" "$WORK/ctr.tar"
    rm "$WORK/ctr.tar"
    ctr_at images push --plain-http "${user[@]}" "$name:v1" "$name:v1"
    ctr_at images rm --sync "$name:v1"
}
# ctr_down SOURCE REPOSITORY
ctr_down() {
    local name="$REGISTRY/$PREFIX/$2" user
    mapfile -t user < <(ctr_user)
    ctr_at images pull --plain-http --all-platforms "${user[@]}" "$name:v1" >/dev/null
    same "digest pulled" "$(source_digest "$1")" "$(ctr_digest_of "$name:v1")"
    ctr_at images rm --sync "$name:v1"
}
ctr_push() {
    ctr_up small ctr
    check_blobs "$PREFIX/ctr" v1
}
ctr_pull() { ctr_down small ctr; }
ctr_digest() { same "digest in the registry" "$(source_digest small)" "$(remote_digest "$PREFIX/ctr" v1)"; }
ctr_index() {
    ctr_up multi ctr-index
    same "index in the registry" "$(source_digest multi)" "$(remote_digest "$PREFIX/ctr-index" v1)"
    ctr_down multi ctr-index
}
ctr_large() {
    ctr_up large ctr-large
    same "digest in the registry" "$(source_digest large)" "$(remote_digest "$PREFIX/ctr-large" v1)"
    ctr_down large ctr-large
}
