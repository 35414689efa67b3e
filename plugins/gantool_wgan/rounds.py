"""When a generator learns: rounds of so many steps of its critic."""

from __future__ import annotations

_FIRST, _EVERY = 25, 500


def ends_round(step: int, n_critic: int, early: int) -> bool:
    """Whether this step of the critic, counted from 0, is the last of a round, behind which the generator learns.

    A round has `n_critic` steps. With `early` steps the generator's first 25 rounds and every 500th have so many, in
    which the critic catches up (the WGAN authors' code).
    """
    if not early:
        return (step + 1) % n_critic == 0
    if step < _FIRST * early:
        return (step + 1) % early == 0
    step -= _FIRST * early
    short = (_EVERY - _FIRST) * n_critic
    if step < short:
        return (step + 1) % n_critic == 0
    place = (step - short) % (early + (_EVERY - 1) * n_critic) + 1  # in a long round and the short ones after it
    return place == early or (place > early and (place - early) % n_critic == 0)
