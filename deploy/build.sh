#!/usr/bin/env bash
# Builds an image for several platforms with docker buildx, and pushes it.
#
#   TAG=v1.0.7 deploy/build.sh                                          the OpenSandbox ingress as opensandbox/ingress:v1.0.7
#   TARGET=router IMAGES=registry.example/sandbox-router deploy/build.sh
#   PUSH=false PLATFORMS=linux/amd64 deploy/build.sh                    into the local docker, without a registry
#
# Everything is said by the environment; in brackets what is taken when it does not:
#   TARGET      ingress, router, proxy or runtime                       [ingress]
#   IMAGES      names without a tag, blanks or commas between them      [opensandbox/ingress; others: sandbox-TARGET]
#   TAG         the tag; one that begins with v is also pushed as latest  [latest]
#   PLATFORMS   commas between them                                     [linux/amd64,linux/arm64]
#   PUSH        true; or false: loaded into the local docker, which takes one platform only   [true]
#   VERSION     what the start banner shows beside our own version      [git describe, else dev]
#   GIT_COMMIT  the banner's commit                                     [git rev-parse HEAD, else unknown]
#   BUILD_TIME  the banner's time                                       [now, UTC]
#   BUILDER     the buildx builder; made when it is not there, kept afterwards   [sandgate-builder]
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

fail() {
  printf 'build.sh: %s\n' "$1" >&2
  exit 2
}

case ${1:-} in
  '') ;;
  -h|--help) sed -n '2,18s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
  *) fail "no argument '$1': everything is said by the environment; --help tells how" ;;
esac

TARGET=${TARGET:-ingress}
case $TARGET in
  ingress) default_images=opensandbox/ingress ;;
  router|proxy|runtime) default_images=sandbox-$TARGET ;;
  *) fail "TARGET is '$TARGET'; accepted: ingress, router, proxy, runtime" ;;
esac
IMAGES=${IMAGES:-$default_images}
TAG=${TAG:-latest}
PLATFORMS=${PLATFORMS:-linux/amd64,linux/arm64}
PUSH=${PUSH:-true}
BUILDER=${BUILDER:-sandgate-builder}
VERSION=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
GIT_COMMIT=${GIT_COMMIT:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
BUILD_TIME=${BUILD_TIME:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}

[[ $TAG =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]] ||
  fail "TAG is '$TAG'; accepted: up to 128 letters, digits and ._-, beginning with a letter, a digit or _"
for value in "$VERSION" "$GIT_COMMIT" "$BUILD_TIME"; do
  [[ $value =~ ^[A-Za-z0-9.:+_-]*$ ]] ||
    fail "'$value' is in VERSION, GIT_COMMIT or BUILD_TIME; accepted: letters, digits and .:+_-"
done
case $PUSH in
  true) output=--push ;;
  false)
    [[ $PLATFORMS != *,* ]] || fail "PUSH=false takes one platform, and PLATFORMS is '$PLATFORMS'; say PLATFORMS=linux/amd64"
    output=--load
    ;;
  *) fail "PUSH is '$PUSH'; accepted: true or false" ;;
esac
command -v docker >/dev/null || fail 'docker is not installed; it is needed with its plugin buildx'

tags=()
for image in ${IMAGES//,/ }; do
  [[ ${image##*/} != *:* ]] || fail "IMAGES holds '$image'; a name has no tag, that is TAG's"
  tags+=(--tag "$image:$TAG")
  [[ $TAG != v* ]] || tags+=(--tag "$image:latest")
done
[ "${#tags[@]}" -gt 0 ] || fail "IMAGES is '$IMAGES'; at least one name is needed"

docker buildx inspect "$BUILDER" >/dev/null 2>&1 || docker buildx create --name "$BUILDER" >/dev/null
docker buildx inspect --bootstrap "$BUILDER"
docker buildx build --builder "$BUILDER" --platform "$PLATFORMS" --file deploy/Dockerfile --target "$TARGET" \
  "${tags[@]}" --build-arg "VERSION=$VERSION" --build-arg "GIT_COMMIT=$GIT_COMMIT" --build-arg "BUILD_TIME=$BUILD_TIME" \
  "$output" .
