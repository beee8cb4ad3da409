"""`python -m benchmarks`: measure and write a table; PyTorch is needed for its rows: pip install ".[benchmarks]"."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from benchmarks.measuring import machine, write_table

ROWS = ("start", "neuron_step", "workers", "evaluation", "training", "response", "two_frames", "frozen", "neohebbian")
OTHERS = ("phases", "scaling")


def main() -> None:
    """Run the wanted benchmarks one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ROWS + OTHERS)}; default: all")
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"), help="directory of the table")
    parser.add_argument("--runs", type=int, default=5, help="runs of each thing, of which the median counts")
    arguments = parser.parse_args()
    names = arguments.names or ROWS + OTHERS
    if unknown := sorted(set(names) - {*ROWS, *OTHERS}):
        parser.error(f"no benchmark {unknown[0]!r}; known: {', '.join(ROWS + OTHERS)}")
    description, rows = machine(), []
    for name in names:
        if name == "phases":
            print(import_module("benchmarks.phases").table())
        if name == "scaling":
            print(import_module("benchmarks.scaling").draw(arguments.out))
        if name in OTHERS:
            continue
        for row in import_module(f"benchmarks.{name}").rows(arguments.runs):
            rows.append(row)
            print(f"{row.what} / {row.against}: {row.ratio:.3g} (bar: {row.bar or 'none'})", flush=True)
            write_table(rows, description, arguments.out)


if __name__ == "__main__":
    main()
