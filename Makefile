# make demo    photo -> out/astronaut.blend .obj .glb overlay.png render.png
# make test    the whole test suite
# make test-matrix, make test-application    the zip in each Blender; in one with a window (tests/application/)
# make addon   dist/: the add-on as one zip for each platform
# make check-types, make training-environment, make facemesh-environment, make wheel, make clean

SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python
# each file of tests as a whole in one process: more of them than this want more than 2 GiB of memory each
TEST_PROCESSES ?= 2
# relative, as recipes run here: pip splits it at blanks, and the path of this folder may have some
export PIP_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export TF_CPP_MIN_LOG_LEVEL := 2
export PYTHONUNBUFFERED := 1

.PHONY: demo test test-matrix test-application addon check-types training-environment facemesh-environment wheel system clean
.DELETE_ON_ERROR:

demo: .venv/installed | system
	$(PY) -m benchmarks.demo --out out

test: .venv/installed .venv-types/installed | system
	$(PY) -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

test-matrix: .venv/installed | system
	$(PY) scripts/test_matrix.py

# A real Blender with a window: as root on Debian x86-64; 2 GB in build/application, pictures in out/application.
test-application: .venv/installed
	$(PY) tests/application/run.py

check-types: .venv-types/installed
	.venv-types/bin/mypy lprnet_blender

# Libraries of the system that the bpy wheel loads: looked for, and installed where apt and root are at hand.
system:
	@scripts/system_libraries.sh

# .venv holds everything the project needs, with the exact versions of constraints.txt.
.venv/installed: pyproject.toml constraints.txt
	@"$(PYTHON)" scripts/check_python.py
	"$(PYTHON)" -m venv .venv
	$(PY) -m pip install --quiet -e ".[dev]"
	@touch $@

# The stubs of Blender must not lie beside the real bpy: they get an environment of their own.
.venv-types/installed: constraints.txt
	@"$(PYTHON)" scripts/check_python.py
	"$(PYTHON)" -m venv .venv-types
	.venv-types/bin/python -m pip install --quiet mypy fake-bpy-module-5.0 numpy
	@touch $@

# Training starts its encoder from the FaceMesh network inside the mediapipe wheel; only its files are wanted.
training-environment: .venv/installed
	$(PY) -m pip install --quiet --no-deps mediapipe

# MediaPipe itself, to measure beside (benchmarks.accuracy): what it depends on does not go with ours.
facemesh-environment: .venv-facemesh/installed

.venv-facemesh/installed: benchmarks/facemesh-constraints.txt
	@"$(PYTHON)" scripts/check_python.py
	"$(PYTHON)" -m venv .venv-facemesh
	PIP_CONSTRAINT=$< .venv-facemesh/bin/python -m pip install --quiet --no-deps mediapipe
	PIP_CONSTRAINT=$< .venv-facemesh/bin/python -m pip install --quiet \
		absl-py attrs flatbuffers matplotlib numpy opencv-python-headless protobuf
	@touch $@

addon: .venv/installed
	$(PY) build_addon.py

# setuptools would put what lies in build/lib into the wheel, modules that are gone among it
wheel: .venv/installed
	rm -rf build/lib build/bdist.*
	$(PY) -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf .venv .venv-types .venv-facemesh out dist build/lib build/bdist.* *.egg-info
