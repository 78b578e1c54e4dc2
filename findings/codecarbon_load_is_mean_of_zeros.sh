#!/bin/sh
# codecarbon 3.3.2: the load in its table (cpu_utilization_percent) is far below the load.
#
# It is the mean of psutil.cpu_percent() once a second, each in a new thread. psutil keeps the times that it
# compares with by thread, and the first call in a thread returns 0: samples are 0 until the system gives
# a thread the identifier of an earlier one. Work of less than a second has none, which is written as 0
# too. The power of a processor of which only a rating is known comes from a load that is read otherwise
# and is right, so that a row can say 33% busy and all of the rated watts. Do not divide energy by that
# load; take it from psutil.cpu_times() before and after.
#
# Seen, all cores busy, 100 W rated: 0% and 100 W in half a second, 33% and 100 W in 4 seconds.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/load.py" <<'PY'
import os
import time
from multiprocessing import Barrier, Process

from codecarbon import OfflineEmissionsTracker


def busy(begin, end, seconds):
    begin.wait()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    end.wait()


def row_of(seconds):
    """Return what a tracker writes of work that keeps all cores busy for some seconds."""
    cores = os.cpu_count()
    begin, end = Barrier(cores + 1), Barrier(cores + 1)
    workers = [Process(target=busy, args=(begin, end, seconds)) for _ in range(cores)]
    for one in workers:
        one.start()
    tracker = OfflineEmissionsTracker(
        country_iso_code="USA",
        output_methods=[],
        log_level="error",
        force_mode_cpu_load=True,
        force_cpu_power=100,
        allow_multiple_runs=True,
    )
    tracker.start_task("work")
    begin.wait()
    end.wait()
    row = tracker.stop_task("work")
    for one in workers:
        one.join()
    return row


if __name__ == "__main__":
    short, long = row_of(0.5), row_of(4.0)
    for row in (short, long):
        print(f"{row.duration:.1f} s: {row.cpu_utilization_percent:.0f}% busy, {row.cpu_power:.0f} W")
    assert short.cpu_utilization_percent == 0
    assert short.cpu_power > 90
    assert long.cpu_utilization_percent < 80
    assert long.cpu_power > 90
PY
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'codecarbon==3.3.2'
cd "$work" && HOME="$work" venv/bin/python load.py 2>/dev/null
