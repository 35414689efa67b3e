"""MLflow: a run of the experiment `gantool`, or of the one that MLFLOW_EXPERIMENT_NAME names.

MLFLOW_TRACKING_URI says where.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantool.runs import outcome
from gantool.trackers.tracker import PROJECT, About

_STATUS = {outcome.DONE: "FINISHED", outcome.STOPPED: "KILLED", outcome.FAILED: "FAILED"}
_AT_ONCE = 100  # parameters that a server takes in one request


class MLflow:
    """A run of MLflow's."""

    def __init__(self, client: Any, key: str) -> None:
        self.key = key
        self._client = client

    def figures(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self.key, metrics=[Metric(name, value, now, step) for name, value in values.items()])

    def picture(self, step: int, file: Path) -> None:
        from PIL import Image

        with Image.open(file) as image:
            self._client.log_image(self.key, image.convert("RGB"), key="samples", step=step)

    def end(self, state: str) -> None:
        self._client.set_terminated(self.key, _STATUS[state])


def begin(about: About) -> MLflow:
    """Begins a run, or continues the one of this key. Parameters of a run cannot change: they are told once."""
    from mlflow import MlflowClient
    from mlflow.entities import Param

    client: Any = MlflowClient()
    if about.key:
        client.update_run(about.key, status="RUNNING")
        return MLflow(client, about.key)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
    found = client.get_experiment_by_name(name)
    experiment = found.experiment_id if found else client.create_experiment(name)
    key = client.create_run(experiment, run_name=about.name).info.run_id
    params = [Param(name, str(value)) for name, value in about.options.items()]
    for first in range(0, len(params), _AT_ONCE):
        client.log_batch(key, params=params[first : first + _AT_ONCE])
    return MLflow(client, key)
