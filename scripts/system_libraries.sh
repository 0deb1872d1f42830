#!/usr/bin/env bash
# Makes sure that the shared libraries which the bpy wheel loads on import are there (Linux only).
set -euo pipefail

[ "$(uname -s)" = Linux ] || exit 0

declare -A package_of=(
  [libX11.so.6]=libx11-6 [libXrender.so.1]=libxrender1 [libXfixes.so.3]=libxfixes3 [libXi.so.6]=libxi6
  [libxkbcommon.so.0]=libxkbcommon0 [libSM.so.6]=libsm6 [libGL.so.1]=libgl1
)
known=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p)
missing=()
for library in "${!package_of[@]}"; do
  grep -qF "$library " <<<"$known" || missing+=("${package_of[$library]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command="apt-get install -y --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "bpy needs system libraries that are missing; on Debian they are: ${missing[*]}. Install your system's." >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "bpy needs system libraries that are missing. Run this, then try again: sudo $command" >&2
  exit 1
fi
echo "Installing system libraries for bpy: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
$command >/dev/null 2>&1 || { apt-get update -qq && $command >/dev/null; }
