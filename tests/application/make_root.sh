#!/usr/bin/env bash
# make_root.sh FOLDER: Debian 13 with its own Blender (4.3.2, Python 3.13), a virtual screen and a virtual mouse in FOLDER.
# 2 GB, about two minutes; as root, on Debian. It mounts in a namespace of its own, so FOLDER can be deleted at any time.
set -euo pipefail

root=${1:?usage: make_root.sh FOLDER}
[ ! -e "$root/ready" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "make_root.sh needs root on Debian: it unpacks a Debian with debootstrap." >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
command -v debootstrap >/dev/null || { apt-get update -qq; apt-get install -y -qq --no-install-recommends debootstrap; }
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -1)
packages=(blender python3-numpy python3-requests python3-zstandard
          xvfb openbox xdotool imagemagick tesseract-ocr libgl1 libgl1-mesa-dri libegl1 libegl-mesa0 libglx-mesa0)

rm -rf --one-file-system "$root"
mkdir -p "$root"
nice debootstrap --variant=minbase --include=ca-certificates,python3-minimal trixie "$root" "$mirror" >"$root.log"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"           # no service is started in there
chmod +x "$root/usr/sbin/policy-rc.d"
# shellcheck disable=SC2016
unshare --mount bash -euc '
  mount -t proc proc "$0/proc"
  mount --rbind /dev "$0/dev"
  chroot "$0" apt-get update -qq
  nice chroot "$0" apt-get install -y -qq --no-install-recommends "${@}"
' "$root" "${packages[@]}" >>"$root.log"
rm -rf "$root/var/cache/apt/archives"
touch "$root/ready"
