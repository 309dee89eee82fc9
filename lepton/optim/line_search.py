"""The line search of L-BFGS: a step length that satisfies the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lepton.autograd.tensor import Tensor

__all__ = ["Point", "strong_wolfe"]

SUFFICIENT = 1e-4  # c₁: how much of the decrease that the slope at 0 promises must be reached
FLATTER = 0.9  # c₂: to which part of it the slope must have fallen
NARROW = 1e-9  # a bracket in which no parameter changes by more is not refined


class Point(NamedTuple):
    """A place on the line: the step length t, the loss, the gradient, and its slope along the line."""

    t: float
    loss: float
    gradient: Tensor
    slope: float


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, t: float, largest: float, most: int
) -> Point:
    """A point with f ≤ f₀ + c₁·t·f₀' and |f'| ≤ c₂·|f₀'|, or the best of those tried (Nocedal & Wright, algorithm 3.5).

    Args:
        evaluate: the point at a step length. start: the point at 0. t: the step length to try first.
        largest: the largest element of the direction, by size.
        most: how many times to go on, after the first evaluation.
    """
    bracket, found, used = _bracket(evaluate, start, t, most)
    if found:
        return bracket[0]
    low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
    stuck = False
    while used <= most and not abs(bracket[1].t - bracket[0].t) * largest < NARROW:
        t, stuck = _trial(bracket[0], bracket[1], stuck)
        point = evaluate(t)
        used += 1
        if point.loss > start.loss + SUFFICIENT * t * start.slope or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        if abs(point.slope) <= -FLATTER * start.slope:
            return point
        if point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
    return bracket[low]


def _bracket(
    evaluate: Callable[[float], Point], start: Point, t: float, most: int
) -> tuple[list[Point], bool, int]:
    """Two points around one that will do, or (True) such a point itself; and the evaluations used."""
    previous, point = start, evaluate(t)
    for used in range(1, most + 1):
        too_high = point.loss > start.loss + SUFFICIENT * point.t * start.slope
        if too_high or (used > 2 and point.loss >= previous.loss):
            return [previous, point], False, used
        if abs(point.slope) <= -FLATTER * start.slope:
            return [point], True, used
        if point.slope >= 0:
            return [previous, point], False, used
        bounds = (point.t + 0.01 * (point.t - previous.t), point.t * 10)
        previous, point = point, evaluate(_cubic_minimum(previous, point, *bounds))
    return [start, point], False, most + 1


def _trial(a: Point, b: Point, stuck: bool) -> tuple[float, bool]:
    """The next step length inside a bracket, and whether it is too near to an end to make progress twice."""
    lowest, highest = min(a.t, b.t), max(a.t, b.t)
    t = _cubic_minimum(a, b, lowest, highest)
    margin = 0.1 * (highest - lowest)
    if min(highest - t, t - lowest) >= margin:
        return t, False
    if stuck or t >= highest or t <= lowest:
        return (highest - margin if abs(t - highest) < abs(t - lowest) else lowest + margin), False
    return t, True


def _cubic_minimum(a: Point, b: Point, lowest: float, highest: float) -> float:
    """Where the cubic through two points with these slopes is least, within bounds; their middle if nowhere."""
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (lowest + highest) / 2.0
    d2 = square**0.5
    first, last = (a, b) if a.t <= b.t else (b, a)
    spread = last.slope - first.slope + 2 * d2
    if spread == 0:
        return (lowest + highest) / 2.0
    t = last.t - (last.t - first.t) * ((last.slope + d2 - d1) / spread)
    return min(max(t, lowest), highest)
