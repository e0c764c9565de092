# shellcheck shell=bash disable=SC2034
# regctl (regclient): copies OCI layouts, puts artifacts with a subject, deletes tags and manifests.

install_regctl() { need_go regctl github.com/regclient/regclient/cmd/regctl@latest; }
prepare_regctl() {
    regctl registry set --tls disabled --skip-check "$REGISTRY"
    [[ -z "$USERNAME" ]] || regctl registry login --skip-check -u "$USERNAME" --pass-stdin "$REGISTRY" <<<"$PASSWORD"
}

regctl_up() { bounded regctl image copy "ocidir://$SOURCE/$1:v1" "$REGISTRY/$PREFIX/$2:v1"; }
# regctl_down REPOSITORY FOLDER: prints the digest of what arrived.
regctl_down() {
    bounded regctl image copy "$REGISTRY/$PREFIX/$1:v1" "ocidir://$2:v1" >&2
    jq -r '.manifests[0].digest' "$2/index.json"
}

regctl_right_or_wrong() {
    bounded regctl registry set --tls disabled --skip-check "$REGISTRY"
    bounded regctl registry login -u "$USERNAME" --pass-stdin "$REGISTRY"
}
regctl_login() { login_checked regctl_right_or_wrong; }
regctl_push() {
    regctl_up small regctl
    check_blobs "$PREFIX/regctl" v1
}
regctl_pull() { same "digest pulled" "$(source_digest small)" "$(regctl_down regctl "$WORK/regctl-small")"; }
regctl_digest() {
    same "digest in the registry" "$(source_digest small)" "$(remote_digest "$PREFIX/regctl" v1)"
    same "digest by regctl" "$(source_digest small)" "$(bounded regctl image digest "$REGISTRY/$PREFIX/regctl:v1")"
}
regctl_index() {
    regctl_up multi regctl-index
    same "index in the registry" "$(source_digest multi)" "$(remote_digest "$PREFIX/regctl-index" v1)"
    same "index pulled" "$(source_digest multi)" "$(regctl_down regctl-index "$WORK/regctl-multi")"
}
regctl_artifact() {
    local subject="$REGISTRY/$PREFIX/regctl-artifact:v1" listed="$WORK/regctl-referrers.json"
    regctl_up small regctl-artifact
    bounded regctl artifact put --artifact-type application/vnd.drift.statement --subject "$subject" <"$WORK/files/statement.txt"
    bounded regctl artifact put --artifact-type application/vnd.drift.other --subject "$subject" <"$WORK/files/statement.txt"
    bounded regctl artifact list --filter-artifact-type application/vnd.drift.statement --format '{{json .}}' "$subject" >"$listed"
    same "referrers of one type" 1 "$(jq '(.descriptors // .manifest.manifests) | length' "$listed")"
    bounded regctl artifact get --filter-artifact-type application/vnd.drift.statement --subject "$subject" >"$WORK/regctl-statement.txt"
    cmp "$WORK/files/statement.txt" "$WORK/regctl-statement.txt"
}
regctl_large() {
    regctl_up large regctl-large
    same "digest pulled" "$(source_digest large)" "$(regctl_down regctl-large "$WORK/regctl-large")"
    rm -rf "$WORK/regctl-large"
}
regctl_resume() {
    killed_midway regctl image copy "ocidir://$SOURCE/large:v1" "$REGISTRY/$PREFIX/regctl-resume:v1"
    gone "$PREFIX/regctl-resume" v1
    regctl_up large regctl-resume
    same "digest in the registry" "$(source_digest large)" "$(remote_digest "$PREFIX/regctl-resume" v1)"
    check_blobs "$PREFIX/regctl-resume" v1
}
regctl_delete() {
    bounded regctl image copy "$REGISTRY/$PREFIX/regctl:v1" "$REGISTRY/$PREFIX/regctl:v2"
    bounded regctl tag delete "$REGISTRY/$PREFIX/regctl:v2"
    gone "$PREFIX/regctl" v2
    same "the other tag" "$(source_digest small)" "$(remote_digest "$PREFIX/regctl" v1)"
    bounded regctl manifest delete "$REGISTRY/$PREFIX/regctl@$(source_digest small)"
    gone "$PREFIX/regctl" "$(source_digest small)"
}
