#!/usr/bin/env bash
# Makes sure a Docker engine answers: uses the one that runs, else (root, Debian or Ubuntu) installs and starts one.
# Also installs debootstrap, from which base images are made where no registry can be reached.
set -euo pipefail

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

if [ "$(id -u)" = 0 ] && ! command -v debootstrap >/dev/null && command -v apt-get >/dev/null; then
    echo "docker-engine: installing debootstrap"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
fi
if answers; then
    echo "docker-engine: $(docker version --format '{{.Server.Version}}') answers"
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "docker-engine: no Docker engine answers. Run: sudo make docker-engine (or start your engine, or add yourself to group docker)" >&2
    exit 1
fi
if [ ! -x /usr/sbin/dockerd ] && [ ! -x /usr/bin/dockerd ]; then
    command -v apt-get >/dev/null || { echo "docker-engine: install Docker by hand: https://docs.docker.com/engine/install" >&2; exit 1; }
    echo "docker-engine: installing docker.io"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io >/dev/null
fi
log=${OCR_HOME:-.ocr}/cache/dockerd.log
mkdir -p "$(dirname "$log")"
echo "docker-engine: starting dockerd (log: $log)"
# A daemon that was killed leaves its pid file, and the number may belong to another process by now.
pidof dockerd >/dev/null 2>&1 || rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
if ! { [ -d /run/systemd/system ] && systemctl start docker; }; then
    setsid dockerd >"$log" 2>&1 </dev/null &
fi
for _ in $(seq 60); do
    if answers; then
        echo "docker-engine: $(docker version --format '{{.Server.Version}}') answers"
        exit 0
    fi
    sleep 1
done
echo "docker-engine: dockerd does not answer after 60 s; see $log" >&2
exit 1
