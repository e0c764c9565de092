# shellcheck shell=bash disable=SC2034
# docker: the engine, started beside the machine's own; it pushes Docker schema 2.

install_docker() {
    need_apt dockerd docker.io
    need_apt docker docker.io
}
prepare_docker() {
    mkdir -p "$WORK/dockerd"
    dockerd --data-root "$WORK/dockerd/data" --exec-root "$WORK/dockerd/exec" --pidfile "$WORK/dockerd/pid" \
        -H "unix://$WORK/dockerd/socket" --bridge=none --iptables=false --insecure-registry "$REGISTRY" \
        >"$WORK/dockerd/log" 2>&1 &
    STARTED_PIDS+=($!)
    wait_for 60 docker_at info || die "dockerd did not start: $(tail -n 3 "$WORK/dockerd/log")"
}

docker_artifact_na="has no command that attaches a referrer"
docker_delete_na="has no command that deletes in a registry"
docker_resume_na="pushes from its daemon, which outlives the client"

docker_at() { bounded docker -H "unix://$WORK/dockerd/socket" "$@"; }

# docker_up TAR REPOSITORY [import options]: notes the image's id and the digest docker reports.
docker_up() {
    local tar=$1 repository=$2
    shift 2
    docker_at import "$@" "$SOURCE/$tar.tar" "$REGISTRY/$PREFIX/$repository:v1" >"$WORK/docker-$repository.id"
    docker_at push "$REGISTRY/$PREFIX/$repository:v1" | tee "$WORK/docker-$repository.out"
    sed -n 's/.*digest: \(sha256:[0-9a-f]*\).*/\1/p' "$WORK/docker-$repository.out" >"$WORK/docker-$repository.digest"
    docker_at rmi -f "$(cat "$WORK/docker-$repository.id")" >/dev/null
}
# docker_down REPOSITORY
docker_down() {
    local name="$REGISTRY/$PREFIX/$1:v1"
    docker_at pull -q "$name"
    same "image pulled" "$(cat "$WORK/docker-$1.id")" "$(docker_at image inspect -f '{{.Id}}' "$name")"
    same "digest pulled" "$REGISTRY/$PREFIX/$1@$(cat "$WORK/docker-$1.digest")" \
        "$(docker_at image inspect -f '{{index .RepoDigests 0}}' "$name")"
    docker_at rmi -f "$(cat "$WORK/docker-$1.id")" >/dev/null
}
docker_login() { login_checked docker_at login -u "$USERNAME" --password-stdin "$REGISTRY"; }
docker_push() {
    docker_up small docker
    check_blobs "$PREFIX/docker" v1
}
docker_pull() { docker_down docker; }
docker_digest() {
    same "digest in the registry" "$(cat "$WORK/docker-docker.digest")" "$(remote_digest "$PREFIX/docker" v1)"
    same "content of the layer" "$(sha256_of "$SOURCE/small.tar")" "$(docker_diff_id docker)"
}
# The first layer's content as the config in the registry names it.
docker_diff_id() {
    local config
    config="$(ask "/v2/$PREFIX/$1/manifests/v1" -f | jq -r .config.digest)"
    ask "/v2/$PREFIX/$1/blobs/$config" -f -L | jq -r '.rootfs.diff_ids[0]'
}
docker_index() {
    local list="$REGISTRY/$PREFIX/docker-index:all" pushed
    docker_up small docker-index
    docker_at import --platform "linux/$OTHER_ARCHITECTURE" "$SOURCE/foreign.tar" "$REGISTRY/$PREFIX/docker-index:other"
    docker_at push -q "$REGISTRY/$PREFIX/docker-index:other"
    docker_at manifest create --insecure "$list" "$REGISTRY/$PREFIX/docker-index:v1" "$REGISTRY/$PREFIX/docker-index:other"
    docker_at manifest annotate --arch "$OTHER_ARCHITECTURE" "$list" "$REGISTRY/$PREFIX/docker-index:other"
    pushed="$(docker_at manifest push --insecure "$list" | tail -n 1)"
    same "index in the registry" "$pushed" "$(remote_digest "$PREFIX/docker-index" all)"
    docker_at pull -q "$list"
    same "member pulled" "$(cat "$WORK/docker-docker-index.id")" "$(docker_at image inspect -f '{{.Id}}' "$list")"
}
docker_large() {
    docker_up large docker-large
    same "digest in the registry" "$(cat "$WORK/docker-docker-large.digest")" "$(remote_digest "$PREFIX/docker-large" v1)"
    docker_down docker-large
}
