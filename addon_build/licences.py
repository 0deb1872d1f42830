"""The licences of everything inside the zips, as SPDX names; what a manifest lists."""

from __future__ import annotations

# The add-on; the core; the networks and what they learned from (NOTICE says which is which)
OURS = ("GPL-3.0-or-later", "MIT", "Apache-2.0", "CC0-1.0")
# Read from the licence files inside the wheels and from the libraries that lie there, on every platform or on one alone
OF_WHEELS = {
    "ai-edge-litert": {"": ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MPL-2.0")},
    "dlib-bin": {"": ("BSL-1.0", "IJG", "libpng-2.0", "Zlib"), "macos-arm64": ("MIT",)},
    "opencv-python-headless": {
        "": ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "IJG", "ISC", "LGPL-2.1-or-later", "MIT", "Zlib",
             "libpng-2.0", "libtiff"),
        "linux-x64": ("GPL-3.0-or-later WITH GCC-exception-3.1", "OpenSSL", "bzip2-1.0.6"),
        # Its FFmpeg is linked to x264 and x265 and to the libraries of GnuTLS
        "macos-arm64": ("FTL", "GPL-2.0-or-later", "HPND", "LGPL-3.0-or-later", "MPL-2.0"),
    },
}
KNOWN = {*OURS, *(name for systems in OF_WHEELS.values() for names in systems.values() for name in names)}


def licences_of(packages: set[str], platform: str) -> list[str]:
    """What a zip with these wheels holds: the add-on's own first, then by name."""
    wheels = {name for package in packages for system, names in OF_WHEELS[package].items()
              if system in ("", platform) for name in names}
    return [*OURS, *sorted(wheels - set(OURS))]
