"""A model measured in the way that fits it: its pictures of noise, all directions between its domains, or one."""

from __future__ import annotations

from gantool.evaluation.domains import Tasks, compare_domains
from gantool.evaluation.how import How
from gantool.evaluation.report import Evaluation
from gantool.evaluation.request import Request, holds_all_domains, of_noise
from gantool.evaluation.samples import compare_samples
from gantool.evaluation.translations import compare_translations
from gantool.runs.header import read_facts


def compare_model(request: Request, how: How) -> Evaluation | Tasks:
    """Measures the weights of a request on its folders, as `compare_samples`, `compare_domains` or
    `compare_translations` does, and raises what they raise.
    """
    weights, folders, to = request.weights, request.folders, request.to
    assert weights is not None, "two folders have no model"
    if of_noise(read_facts(weights), folders):
        return compare_samples(
            weights,
            folders,
            n=request.n,
            to=to,
            truncation=request.truncation,
            faces=request.faces,
            attributes=request.attributes,
            how=how,
        )
    if holds_all_domains(weights, folders[0]):
        return compare_domains(weights, folders[0], folders[-1], to=to, styles=request.n, how=how)
    return compare_translations(weights, folders[0], folders[-1], to=to, styles=request.n, how=how)
