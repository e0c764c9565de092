# shellcheck shell=bash disable=SC2034
# helm: charts as OCI artifacts.

install_helm() { need_go helm helm.sh/helm/v3/cmd/helm@latest; }
prepare_helm() {
    mkdir -p "$WORK/chart"
    (
        cd "$WORK/chart" || exit 1
        helm create app >/dev/null
        helm package app --version 0.1.0 >/dev/null
    )
}

helm_index_na="charts have no index"
helm_artifact_na="attaches nothing; a chart itself is an artifact, see push"
helm_large_na="charts are held in memory and small"
helm_resume_na="charts are too small to be interrupted"
helm_delete_na="has no command that deletes in a registry"

helm_login() { login_checked bounded helm registry login --insecure --plain-http -u "$USERNAME" --password-stdin "$REGISTRY"; }
helm_push() {
    bounded helm push --plain-http "$WORK/chart/app-0.1.0.tgz" "oci://$REGISTRY/$PREFIX/helm" 2>&1 | tee "$WORK/chart/pushed"
    check_blobs "$PREFIX/helm/app" 0.1.0
}
helm_pull() {
    mkdir -p "$WORK/chart/pulled"
    bounded helm pull --plain-http "oci://$REGISTRY/$PREFIX/helm/app" --version 0.1.0 -d "$WORK/chart/pulled"
    cmp "$WORK/chart/app-0.1.0.tgz" "$WORK/chart/pulled/app-0.1.0.tgz"
}
helm_digest() {
    same "digest in the registry" "$(sed -n 's/^Digest: //p' "$WORK/chart/pushed")" "$(remote_digest "$PREFIX/helm/app" 0.1.0)"
    same "chart layer" "$(sha256_of "$WORK/chart/app-0.1.0.tgz")" \
        "$(ask "/v2/$PREFIX/helm/app/manifests/0.1.0" -f | jq -r '.layers[0].digest')"
}
