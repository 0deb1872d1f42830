# SPDX-License-Identifier: GPL-3.0-or-later
"""One module per command, each with `add_command(commands)`; bpy is imported when a command runs."""
