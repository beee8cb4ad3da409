"""How Brian2 turns equations into machine code here: C++ through Cython, vectorised where the compiler can.

Brian2's default flags leave `exp` scalar. Three additions let gcc use the vector functions of libmvec:
`-D__FAST_MATH__` makes glibc declare them (Brian2's `-fno-finite-math-only` undefines that macro, and with it stays
honest about NaN); a higher limit of alias checks lets loops over many arrays be vectorised at all; and the checks that
Cython makes before the loop, for each array and each division, must not let gcc take the loop for one that hardly ever
runs. In single precision, a fourth makes the constants in expressions single too: one in double precision would carry
the whole expression with it.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import brian2
import numpy as np
from brian2 import prefs

__all__ = [
    "BASE_FLAGS",
    "SIMD_FLAGS",
    "SINGLE_FLAGS",
    "WIDE_FLAG",
    "cache_base",
    "cache_directory",
    "compiler",
    "configure",
    "generating",
    "library",
    "simd_exponential",
    "wide_flags",
]

BASE_FLAGS = ["-w", "-O3", "-ffast-math", "-fno-finite-math-only", "-march=native", "-std=c++11"]
SIMD_FLAGS = [
    "-D__FAST_MATH__",
    "--param=vect-max-version-for-alias-checks=1000",
    "--param=hot-bb-frequency-fraction=1000000",
]
SINGLE_FLAGS = ["-fsingle-precision-constant"]
WIDE_FLAG = "-mprefer-vector-width=512"
_PROBE = "#include <cmath>\nvoid f(double *x, int n) { for (int i = 0; i < n; i++) x[i] = 1.0 / (1.0 + exp(-x[i])); }\n"


def compiler() -> str | None:
    """Return the path of the C++ compiler, or None."""
    named = os.environ.get("CXX", "").split()
    return next(filter(None, map(shutil.which, [*named[:1], "c++", "g++", "clang++"])), None)


@cache
def _vectorises(compiler_path: str, *more_flags: str) -> bool:
    """Tell whether the compiler takes the flags and then calls a vector `exp`."""
    with tempfile.TemporaryDirectory() as directory:
        source, compiled = Path(directory, "probe.cpp"), Path(directory, "probe.o")
        source.write_text(_PROBE)
        command = [
            compiler_path,
            *BASE_FLAGS,
            *SIMD_FLAGS,
            *SINGLE_FLAGS,
            *more_flags,
            "-fPIC",
            "-c",
            str(source),
            "-o",
            str(compiled),
        ]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return False
        return b"_ZGV" in compiled.read_bytes()


def simd_exponential() -> bool:
    """Tell whether generated code evaluates several exponentials at a time."""
    path = compiler()
    return path is not None and _vectorises(path)


def wide_flags() -> list[str]:
    """Return the flag for the widest vectors, where the compiler takes it.

    It pays in loops that hold their state in the first-level cache, and there only.
    """
    path = compiler()
    return [WIDE_FLAG] if path is not None and _vectorises(path, WIDE_FLAG) else []


@cache
def library(source: Path) -> ctypes.CDLL | None:
    """Return a C++ file as a library, compiled unless it is in the cache; None without a compiler that can.

    Its functions run without Python's lock.
    """
    path = compiler()
    if path is None:
        return None
    flags = [*BASE_FLAGS, *wide_flags(), "-fPIC", "-shared"]
    key = hashlib.sha256(source.read_bytes() + repr((path, flags)).encode()).hexdigest()[:12]
    compiled = cache_directory() / f"{source.stem}-{key}.so"
    if not compiled.exists():
        compiled.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=compiled.parent) as directory:
            made = Path(directory, compiled.name)
            command = [path, *flags, str(source), "-o", str(made)]
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                return None
            made.replace(compiled)  # other processes see a whole file or none
    return ctypes.CDLL(str(compiled))


def _processor() -> str:
    """Describe the processor as far as `-march=native` depends on it (home directories are shared in clusters)."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


def _flags(single: bool) -> list[str]:
    return BASE_FLAGS + (SIMD_FLAGS + SINGLE_FLAGS * single) * simd_exponential()


def _compile_with_flags(single: bool = False) -> None:
    """Let Brian2 compile with the flags of a precision, into their directory."""
    if simd_exponential():
        prefs.codegen.cpp.extra_compile_args_gcc = _flags(single)
    directory = cache_directory(single)
    directory.mkdir(parents=True, exist_ok=True)
    prefs.codegen.runtime.cython.cache_dir = str(directory)


def cache_directory(single: bool = False) -> Path:
    """Return the directory of compiled code: one per set of flags, processor and Brian2 version.

    With `single`, that of code in single precision. It lies in the directory that the environment variable
    BRIANFF_CACHE names, or in the user's cache.
    """
    key = hashlib.sha256(repr((_flags(single), WIDE_FLAG, _processor(), brian2.__version__)).encode()).hexdigest()[:12]
    return cache_base() / "cython" / key


def cache_base() -> Path:
    """Return the directory of everything that can be made again, for each user."""
    return Path(
        os.environ.get("BRIANFF_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "brianff")
    )


@cache
def configure() -> str:
    """Set Brian2's preferences once; return the code-generation target, "cython" or "numpy".

    A target that the user has set to "numpy" is kept. Without a working compiler the target is "numpy", with one
    warning.
    """
    if prefs.codegen.target == "numpy":
        return "numpy"
    path = compiler()
    if path is not None:
        if simd_exponential():
            prefs.codegen.cpp.libraries = ["mvec", "m"]
        _compile_with_flags()
        if _cython_works():
            prefs.codegen.target = "cython"
            return "cython"
    warnings.warn(
        "no working C++ compiler with Python headers was found: simulations run on the numpy target, several times "
        "slower. Install one (Debian: apt install g++ python3-dev; macOS: xcode-select --install).",
        stacklevel=2,
    )
    prefs.codegen.target = "numpy"
    return "numpy"


@contextmanager
def generating(dtype: type[np.floating]) -> Iterator[None]:
    """Let Brian2 generate and compile code for objects whose arrays are of a type, in its precision."""
    if dtype is not np.float32:
        yield
        return
    before = prefs.core.default_float_dtype, prefs.codegen.cpp.extra_compile_args_gcc
    cache_before = prefs.codegen.runtime.cython.cache_dir
    prefs.core.default_float_dtype = np.float32
    if configure() == "cython":
        _compile_with_flags(single=True)
    try:
        with np.errstate(over="ignore"):  # Brian2 compares with numbers beyond single precision
            yield
    finally:
        prefs.core.default_float_dtype, prefs.codegen.cpp.extra_compile_args_gcc = before
        prefs.codegen.runtime.cython.cache_dir = cache_before


def _cython_works() -> bool:
    from brian2.codegen.runtime.cython_rt.cython_rt import CythonCodeObject
    from brian2.utils.logger import catch_logs

    with catch_logs():  # Brian2's own warning would say the same at length
        return CythonCodeObject.is_available()
