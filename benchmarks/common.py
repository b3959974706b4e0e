"""What the benchmarks share: one thread, interleaved timing, a table and --json."""
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import argparse
import json
import math
import platform
import statistics
import time


SHORT = 0.02


def parser(description):
    """An argument parser with the options of all benchmarks."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--rounds", type=int, default=7, help="interleaved rounds; the median counts")
    result.add_argument("--only", default="", help="a substring of the rows to run")
    result.add_argument("--json", default="", help="also write the rows to this file")
    return result


def interleaved(contestants, rounds):
    """Median seconds of each callable, run in turn so that a busy machine is busy for all.

    A short call is repeated until SHORT seconds have passed, and the mean of these counts: behind somebody else's milliseconds
    the first of them finds cold caches and a cold processor.

    Parameters
    ----------
    contestants : dict of name to callable
    rounds : int

    Returns
    -------
    dict of name to float
    """
    times, repeats = {name: [] for name in contestants}, {}
    for name, call in contestants.items():
        call()  # warm up
        repeats[name] = math.ceil(SHORT / seconds(call, 1))
    for _ in range(rounds):
        for name, call in contestants.items():
            times[name].append(seconds(call, repeats[name]))
    return {name: statistics.median(values) for name, values in times.items()}


def seconds(call, repeats):
    """Mean seconds of so many calls in a row."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def machine():
    """The processor's name, the number of cores and the instruction set in use."""
    from sklearn_heads._core.kernels import SIMD_LEVEL

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores, {SIMD_LEVEL}"


def report(title, rows):
    """Print rows (dicts with the same keys) as an aligned table."""
    print(f"{title}\n{machine()}\n")
    cells = [list(rows[0])] + [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def write(json_file, rows):
    """Write the machine and the rows of one table, or of several by name, to this file, if there is a name."""
    if json_file:
        with open(json_file, "w") as out:
            json.dump({"machine": machine(), "rows": rows}, out, indent=1)
