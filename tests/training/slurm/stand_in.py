"""Stands in for `sbatch`, `srun` and `scontrol` on one machine, as far as the scripts of docs/slurm.md need them.

sbatch FILE               runs the script, once for each index of its array, and again while it asks for that
srun COMMAND...           runs the tasks; in a job's first life the time is up as soon as a task has made a step
scontrol requeue JOB
scontrol show hostnames
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path


def sbatch(file: str) -> int:
    script = Path(file).read_text()
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)$", script, re.M))
    name, _, _ = asked["signal"].partition("@")
    first, _, last = asked.get("array", "0-0").partition("-")
    code = 0
    for index in range(int(first), int(last) + 1):
        job = str(4000 + index)
        surroundings = {
            **os.environ,
            "SLURM_JOB_ID": job,
            "SLURM_ARRAY_TASK_ID": str(index),
            "SLURM_NTASKS": asked.get("ntasks-per-node", "1"),
            "SLURM_JOB_NODELIST": "localhost",
            "STAND_IN_SIGNAL": f"SIG{name}",
        }
        for life in range(5):
            again = Path(f"requeued-{job}")
            again.unlink(missing_ok=True)
            with open(f"{job}.log", "a") as log:
                surroundings["SLURM_RESTART_COUNT"] = str(life)
                code = subprocess.run(["bash", file], env=surroundings, stdout=log, stderr=log, check=False).returncode
            if not again.exists():
                break
    return code


def srun(*command: str) -> int:
    tasks = [
        subprocess.Popen(
            command,
            env={**os.environ, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(int(os.environ["SLURM_NTASKS"]))
    ]
    once = threading.Lock()

    def listen(task: subprocess.Popen[str]) -> None:
        assert task.stdout is not None
        for line in task.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            up = line.startswith("step ") and os.environ["SLURM_RESTART_COUNT"] == "0"
            if up and once.acquire(blocking=False):
                for each in tasks:
                    each.send_signal(getattr(signal, os.environ["STAND_IN_SIGNAL"]))

    threads = [threading.Thread(target=listen, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = [task.wait() for task in tasks]
    return max(128 - code if code < 0 else code for code in codes)


def scontrol(*words: str) -> int:
    if words[0] == "requeue":
        Path(f"requeued-{words[1]}").touch()
    else:
        print(os.environ["SLURM_JOB_NODELIST"])
    return 0


if __name__ == "__main__":
    sys.exit({"sbatch": sbatch, "srun": srun, "scontrol": scontrol}[sys.argv[1]](*sys.argv[2:]))
