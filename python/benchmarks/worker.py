"""A contender's process: prepares its work, then executes one repetition whenever it is asked to, and sleeps between.

Started by alternate.py with the contender as JSON. Answers, a line of JSON each, go to the standard output; whatever
libraries print goes to the standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from jobs import Seconds, Skip


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        job = json.loads(sys.argv[1])
        prepared = importlib.import_module(job["module"]).prepare(job)
        counts = {case: warmed(execute, job) for case, execute in prepared.cases.items()}
        print(json.dumps({"facts": prepared.facts | preloaded(), "memory": memory()}), file=answers)
        for line in sys.stdin:
            case = json.loads(line)["case"]
            answer = repetition(prepared.cases[case], counts[case])
            print(json.dumps(answer | {"memory": memory()}), file=answers)
    except (Skip, ImportError) as reason:
        print(json.dumps({"skip": str(reason)}), file=answers)
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        print(json.dumps({"skip": f"{type(error).__name__}: {first}"}), file=answers)
        raise


def warmed(execute: Callable[[], Any], job: dict[str, Any]) -> int:
    """Execute until all is warm; how many executions make a repetition of at least `job["seconds"]`."""
    for _ in range(job["warm_up"]):
        start = time.perf_counter()
        execute()
        duration = time.perf_counter() - start
    return max(1, round(job["seconds"] / duration + 0.5)) if job["warm_up"] else 1


def repetition(execute: Callable[[], Any], count: int) -> dict[str, Any]:
    """Seconds of an execution, the mean of `count`; and what it measured itself, if it did."""
    start = time.perf_counter()
    for _ in range(count):
        value = execute()
    seconds = (time.perf_counter() - start) / count
    if isinstance(value, Seconds):
        return {"seconds": float(value), "count": count, "value": None}
    return {"seconds": seconds, "count": count, "value": value if isinstance(value, float) else None}


def memory() -> int:
    """Peak resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def preloaded() -> dict[str, Any]:
    """Whether tcmalloc is really in this process."""
    with open("/proc/self/maps") as maps:
        return {"tcmalloc": "tcmalloc" in maps.read()}


if __name__ == "__main__":
    main()
