"""How Brian2 turns equations into machine code here: C++ through Cython, vectorised where the compiler can.

Brian2's default flags leave `exp` scalar. Three additions let gcc use the vector functions of libmvec:
`-D__FAST_MATH__` makes glibc declare them (Brian2's `-fno-finite-math-only` undefines that macro, and with it stays
honest about NaN); a higher limit of alias checks lets loops over many arrays be vectorised at all; and the checks that
Cython makes before the loop, for each array and each division, must not let gcc take the loop for one that hardly ever
runs. In single precision, a fourth makes the constants in expressions single too: one in double precision would carry
the whole expression with it.
"""

import hashlib
import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

import brian2

__all__ = [
    "BASE_FLAGS",
    "SIMD_FLAGS",
    "SINGLE_FLAGS",
    "WIDE_FLAG",
    "cache_base",
    "cache_directory",
    "compiler",
    "flags",
    "libraries",
    "simd_exponential",
    "wide_flags",
]

BASE_FLAGS = ["-w", "-g0", "-O3", "-ffast-math", "-fno-finite-math-only", "-march=native", "-std=c++11"]
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
    # To assembly, on standard output: a disk that is full changes nothing.
    command = [compiler_path, *BASE_FLAGS, *SIMD_FLAGS, *SINGLE_FLAGS, *more_flags]
    command += ["-fPIC", "-S", "-x", "c++", "-", "-o", "-"]
    done = subprocess.run(command, input=_PROBE.encode(), capture_output=True, check=False)
    return done.returncode == 0 and b"_ZGV" in done.stdout


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


def _processor() -> str:
    """Describe the processor as far as `-march=native` depends on it (home directories are shared in clusters)."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


def flags(single: bool = False) -> list[str]:
    """Return the flags of the compiler, for code in double or in single precision."""
    return BASE_FLAGS + (SIMD_FLAGS + SINGLE_FLAGS * single) * simd_exponential()


def libraries() -> list[str]:
    """Return the libraries that compiled code is linked with."""
    return ["mvec", "m"] if simd_exponential() else []


def cache_directory() -> Path:
    """Return the directory of compiled code: one per compiler, processor and Brian2 version.

    It lies in the directory that the environment variable BRIANFF_CACHE names, or in the user's cache.
    """
    key = hashlib.sha256(repr((flags(single=True), WIDE_FLAG, _processor(), brian2.__version__)).encode())
    return cache_base() / "cython" / key.hexdigest()[:12]


def cache_base() -> Path:
    """Return the directory of everything that can be made again, for each user."""
    home = os.path.expanduser("~/.cache")
    if home.startswith("~"):  # the system does not know the user, as in containers: nothing can be written there
        home = os.devnull
    return Path(os.environ.get("BRIANFF_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or home, "brianff"))
