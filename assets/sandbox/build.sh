#!/usr/bin/env bash
# Builds the sandbox image: Python 3.11, git, bash, and the pins of requirements.txt in /opt/tools.
# With a registry in reach it starts from python:3.11-slim; without one it makes a Debian base with debootstrap
# (needs root). A second call returns at once when nothing changed. The tool server is not in the image: the
# engine sends it at start, so no image can hold a stale one.
#
#   assets/sandbox/build.sh            build turnwright-sandbox:1 when it is missing or stale
#   TURNWRIGHT_IMAGE=name ...          another name
#   PYTHON=path ...                    the Python whose pip fetches the packages (default python3)
#   DEBIAN_MIRROR=address ...          where debootstrap fetches packages (default: its own)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
image=${TURNWRIGHT_IMAGE:-turnwright-sandbox:1}
python=${PYTHON:-python3}
began=$SECONDS

say() { printf 'sandbox image: %s\n' "$*"; }
stop() {
    printf 'sandbox image: %s\n' "$1" >&2
    exit 1
}

command -v docker >/dev/null || stop "there is no docker command. Install Docker, or use the local sandbox."
docker version --format '{{.Server.Version}}' >/dev/null 2>&1 ||
    stop "no Docker engine answers. Start it, or use the local sandbox."

recipe=$(cat "$here/build.sh" "$here/requirements.txt" | sha256sum | cut -c1-16)
found=$(docker image inspect --format '{{index .Config.Labels "turnwright.recipe"}}' "$image" 2>/dev/null || true)
if [ "$found" = "$recipe" ]; then
    say "$image is up to date ($recipe)."
    exit 0
fi
"$python" -m pip --version >/dev/null 2>&1 || stop "$python has no pip. Set PYTHON to one that has."

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

fetch_packages() { # the pins, for the image's Python whatever the host's is
    say "fetching the packages of requirements.txt"
    "$python" -m pip install --quiet --no-compile --target "$1" --only-binary=:all: --implementation cp \
        --python-version 3.11 --abi cp311 --abi abi3 --abi none --platform "manylinux2014_$(uname -m)" \
        --platform "manylinux_2_28_$(uname -m)" --platform any -r "$here/requirements.txt"
}

from_registry() {
    say "starting from python:3.11-slim"
    fetch_packages "$work/tools"
    cat >"$work/Dockerfile" <<'DOCKERFILE'
FROM python:3.11-slim
RUN apt-get update -qq && apt-get install -qq --no-install-recommends git ca-certificates >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY tools /opt/tools
RUN ln -sf "$(command -v python3)" /usr/bin/python3 && python3 -m compileall -q /opt/tools \
    && mkdir -p /sandbox && rm -rf /tmp /var/tmp && ln -s /sandbox/tmp /tmp && ln -s /sandbox/tmp /var/tmp
DOCKERFILE
    docker build --quiet --label "turnwright.recipe=$recipe" --tag "$image" "$work" >/dev/null
}

from_debootstrap() {
    command -v debootstrap >/dev/null ||
        stop "no registry answers and debootstrap is missing. Install it (apt-get install debootstrap), then try again."
    [ "$(id -u)" = 0 ] || stop "no registry answers, and debootstrap needs root. Try again with sudo."
    root=$work/root
    say "no registry answers; making a Debian base with debootstrap (about a minute)"
    debootstrap --variant=minbase --include=python3,git,ca-certificates bookworm "$root" \
        ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$work/debootstrap.log" 2>&1 ||
        { tail -20 "$work/debootstrap.log" >&2 && stop "debootstrap failed (see above)."; }
    fetch_packages "$root/opt/tools"
    say "packing"
    chroot "$root" python3 -m compileall -q /opt/tools
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/{doc,man,locale,info}/*
    rm -rf "$root/tmp" "$root/var/tmp"
    ln -s /sandbox/tmp "$root/tmp"
    ln -s /sandbox/tmp "$root/var/tmp"
    mkdir -p "$root/sandbox"
    tar -C "$root" --one-file-system --numeric-owner -c . |
        docker import --change "LABEL turnwright.recipe=$recipe" --change 'CMD ["bash"]' - "$image" >/dev/null
}

if timeout 20 docker manifest inspect python:3.11-slim >/dev/null 2>&1; then
    from_registry
else
    from_debootstrap
fi

say "checking"
docker run --rm --network none --read-only --env PYTHONPATH=/opt/tools "$image" python3 -c \
    'import sys, sqlite3, openpyxl, pypdf, PIL; assert sys.version_info[:2] == (3, 11)' ||
    stop "the image was built but its Python cannot import the packages."
say "$image is ready after $((SECONDS - began)) s ($(docker image inspect --format '{{.Size}}' "$image" | numfmt --to=iec))."
