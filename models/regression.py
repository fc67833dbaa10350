"""Multinomial logistic regressions over the same inputs, fitted at once: L-BFGS with preconditioning, in float32.

What is minimised is scikit-learn's objective, c * (sum of weight * cross entropy) + |coefficients|² / 2 with a free
bias, and a test holds us to its optimum. What makes it quick:
- the dense inputs are centred and turned into their principal axes, the sparse ones are centred without being filled,
  and each coefficient is scaled by the curvature that it has alone; the Hessian is then close to the identity;
- all products are in float32, and those with dense inputs are the BLAS library's;
- it may start from coefficients of an earlier fit.
Nocedal & Wright, Numerical Optimization, 2006: algorithms 7.4 and 7.5; Hager & Zhang, 2005: the line search's test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Result = TypeVar("Result")

TOLERANCE: Final = 2e-9
"""Per row and column, of the gradient's square in scaled coefficients, which is twice what the objective lacks to its
minimum. No probability of 7,255 texts in 26 classes then differs by more than 4e-4 from that at the very minimum."""
TOLERANCE_FROM_START: Final = 5e-8
"""The same from coefficients of an earlier fit: by less than 2e-3 (of four edits of 7,075 texts 1.3e-3 at most), for
two thirds of the steps. It does not add up over edits: each ends as near to its own minimum."""
_STAGES: Final = (10, 20, 1000)  # iterations; the scales fit best where they are taken, so they are taken anew
_REMEMBERED: Final = 4  # steps; more cost more than they save
_THREADS: Final = 2
_ENOUGH, _ROUNDING = 1e-4, 1e-6  # the decrease that a step must bring, and the relative error of the objective


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """One softmax. targets: (n,), each an index below `classes`. weights: (n,), how much each row counts."""

    targets: NDArray[np.intp]
    classes: int
    weights: Matrix


def task(targets: NDArray[np.intp], classes: int, *, c: float, balanced: bool) -> Task:
    """c: the inverse of the penalty. balanced: each class counts the same, however many rows it has."""
    weights = np.full(len(targets), float(c))
    if balanced:
        weights *= (len(targets) / (classes * np.bincount(targets, minlength=classes)))[targets]
    if classes == 2:  # scikit-learn fits one column then: two that are each other's negative are penalised half as much
        weights /= 2
    return Task(targets=targets, classes=classes, weights=weights.astype(np.float32))


def fit(
    dense: Matrix,
    sparse: Any,
    tasks: Sequence[Task],
    *,
    start: tuple[Matrix, Matrix] | None = None,
    tolerance: float | None = None,
) -> tuple[Matrix, Matrix]:
    """Coefficients (inputs, columns) and bias (columns,), where columns are the classes of all tasks side by side.

    dense: (n, d) float32. sparse: csr_array (n, m) float32; its inputs follow the dense ones. start: coefficients and
    bias of an earlier fit, in this order of inputs. tolerance: see TOLERANCE, and TOLERANCE_FROM_START for what it is
    with a start. The same arguments give the same result.
    """
    from scipy.linalg import blas  # here, because what is loaded within the limits is not limited
    from threadpoolctl import threadpool_limits

    columns = sum(one.classes for one in tasks)
    coefficients, bias = start or (np.zeros((dense.shape[1] + sparse.shape[1], columns)), np.zeros(columns))
    coefficients, bias = coefficients.astype(np.float32), bias.astype(np.float32)
    if tolerance is None:
        tolerance = TOLERANCE_FROM_START if start else TOLERANCE
    enough = tolerance * len(dense) * columns
    # Two threads of our own, each with half of the rows; the BLAS library's would busily wait for each other, which
    # costs ten times what it gains where something else needs the processors.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(_THREADS) as pool:
        inputs = _Inputs(dense, sparse, pool)
        for steps in _STAGES[-1:] if start else _STAGES:
            view = _View(inputs, tasks, coefficients, bias)
            found, done = _descend(view, view.inward(coefficients, bias), enough, steps, blas.saxpy)
            coefficients, bias = view.outward(found)
            if done:
                break
    return coefficients, bias


class _Inputs:
    """Products with the inputs, cut into parts of about equal work, which are computed side by side."""

    def __init__(self, dense: Matrix, sparse: Any, pool: ThreadPoolExecutor) -> None:
        self.dense, self._pool = dense, pool
        self._rows, self._columns = sparse, sparse.T.tocsr()
        self._parts_of_rows, self._parts_of_columns = _parts(self._rows), _parts(self._columns)

    def forward(self, dense: Matrix, of_dense: Matrix, of_sparse: Matrix) -> Matrix:
        """[dense ; sparse] @ [of_dense ; of_sparse]; `dense` may be another view of the dense inputs."""

        def part(rows: slice, sparse: Any) -> Matrix:
            found: Matrix = sparse @ of_sparse
            found += dense[rows] @ of_dense
            return found

        return np.concatenate(self.by_rows(part))

    def back(self, of_rows: Matrix) -> Matrix:
        """sparse.T @ of_rows."""
        return np.concatenate(self.by_columns(lambda _, sparse: sparse @ of_rows))

    def by_rows(self, work: Callable[[slice, Any], Result]) -> list[Result]:
        """What `work` makes of each part of the rows: (which, the sparse inputs of them)."""
        return list(self._pool.map(work, *zip(*self._parts_of_rows, strict=True)))

    def by_columns(self, work: Callable[[slice, Any], Result]) -> list[Result]:
        """The same of each part of the sparse inputs: (which, what the texts have of them, transposed)."""
        return list(self._pool.map(work, *zip(*self._parts_of_columns, strict=True)))

    def squares_back(self, of_rows: Matrix) -> Matrix:
        """(sparse * sparse).T @ of_rows."""
        squares = self._columns.copy()
        squares.data = squares.data**2
        found: Matrix = squares @ of_rows
        return found


def _parts(matrix: Any) -> list[tuple[slice, Any]]:
    """Slices of rows with about as many entries each, and the rows."""
    wanted = np.linspace(0, matrix.nnz, _THREADS + 1)[1:-1]
    cuts = [0, *np.searchsorted(matrix.indptr, wanted).tolist(), matrix.shape[0]]
    return [(slice(low, high), matrix[low:high]) for low, high in pairwise(cuts)]


class _View:
    """The objective in coordinates in which it is round: see the module.

    A point is (1 + inputs, columns), its first row the bias.
    """

    def __init__(self, inputs: _Inputs, tasks: Sequence[Task], coefficients: Matrix, bias: Matrix) -> None:
        dense, self._tasks, self._inputs = inputs.dense, tasks, inputs
        self._depth = dense.shape[1]
        logits = inputs.forward(dense, coefficients[: self._depth], coefficients[self._depth :]) + bias
        bends = np.empty_like(logits)
        self._softmaxes(logits, slice(None), bends)
        share = bends.mean(axis=1) + np.float32(1e-9)
        share /= share.sum()
        self._share = share
        self._dense_mean, self._sparse_mean = share @ dense, inputs.back(share)
        centred = dense - self._dense_mean
        _, axes = np.linalg.eigh(
            sum(inputs.by_rows(lambda which, _: centred[which].T @ (share[which, None] * centred[which])))
        )
        self._axes = np.ascontiguousarray(axes, dtype=np.float32)
        self._turned = np.concatenate(inputs.by_rows(lambda which, _: centred[which] @ self._axes))
        total = bends.sum(axis=0)
        # Per input and column the second derivative; the sparse ones' mean is taken off without making them dense.
        curvature = np.concatenate(
            [
                total[None],
                1 + (self._turned**2).T @ bends,
                1 + np.maximum(inputs.squares_back(bends) - self._sparse_mean[:, None] ** 2 * total, 0),
            ]
        )
        self._scale = (1 / np.sqrt(np.maximum(curvature, np.float32(1e-3)))).astype(np.float32)

    def inward(self, coefficients: Matrix, bias: Matrix) -> Matrix:
        """The point at which the objective has these coefficients."""
        dense, sparse = coefficients[: self._depth], coefficients[self._depth :]
        moved = bias + self._dense_mean @ dense + self._sparse_mean @ sparse
        point: Matrix = np.concatenate([moved[None], self._axes.T @ dense, sparse]) / self._scale
        return point

    def outward(self, point: Matrix) -> tuple[Matrix, Matrix]:
        """The coefficients and bias of a point."""
        raw = point * self._scale
        dense, sparse = self._axes @ raw[1 : 1 + self._depth], raw[1 + self._depth :]
        return np.concatenate([dense, sparse]), raw[0] - self._dense_mean @ dense - self._sparse_mean @ sparse

    def at(self, point: Matrix) -> tuple[float, Matrix]:
        """Objective and gradient."""
        raw, split = point * self._scale, 1 + self._depth
        # Rows less their mean give products less their mean: the sparse inputs are centred without being filled.
        offset = raw[0] - self._sparse_mean @ raw[split:]
        errors = np.empty((len(self._turned), raw.shape[1]), np.float32)

        def rows(which: slice, sparse: Any) -> tuple[float, Matrix, Matrix]:
            part = np.matmul(self._turned[which], raw[1:split], out=errors[which])
            part += sparse @ raw[split:]
            part += offset
            surprise = self._softmaxes(part, which)
            return surprise, part.sum(axis=0), self._turned[which].T @ part

        surprises, totals, dense = zip(*self._inputs.by_rows(rows), strict=True)
        total = sum(totals)
        gradient = np.empty_like(raw)
        gradient[0] = total
        gradient[1:split] = sum(dense) + raw[1:split]  # their weighted mean is nought
        gradient[:split] *= self._scale[:split]

        def columns(which: slice, sparse: Any) -> None:
            out = gradient[split:][which]
            np.add(sparse @ errors, raw[split:][which], out=out)
            out -= self._sparse_mean[which, None] * total
            out *= self._scale[split:][which]

        self._inputs.by_columns(columns)
        weights = raw[1:].ravel()
        return sum(surprises) + float(weights @ weights) / 2, gradient

    def _softmaxes(self, logits: Matrix, rows: slice, bends: Matrix | None = None) -> float:
        """The weighted cross entropies' sum. `logits` become their derivatives; bends: filled with the second ones."""
        surprise, each, at = 0.0, np.arange(len(logits)), 0
        for one in self._tasks:
            part, targets, weights = logits[:, at : at + one.classes], one.targets[rows], one.weights[rows]
            part -= part.max(axis=1, keepdims=True)
            right = part[each, targets]
            np.exp(part, out=part)
            sums = part.sum(axis=1, keepdims=True)
            surprise += float((weights * (np.log(sums[:, 0]) - right)).sum(dtype=np.float64))
            part /= sums
            if bends is not None:
                bends[:, at : at + one.classes] = weights[:, None] * part * (1 - part)
            part[each, targets] -= 1
            part *= weights[:, None]
            at += one.classes
        return surprise


def _descend(view: _View, point: Matrix, enough: float, steps: int, saxpy: Any) -> tuple[Matrix, bool]:
    """(the point reached, whether nothing is left to gain)."""
    value, gradient = view.at(point)
    past: list[tuple[Matrix, Matrix, float]] = []
    for _ in range(steps):
        if _dot(gradient, gradient) < enough:
            return point, True
        direction = _direction(gradient, past, saxpy)
        slope = _dot(gradient, direction)
        length = 1.0
        while True:
            ahead = point + np.float32(length) * direction
            there, steepness = view.at(ahead)
            slope_there = _dot(steepness, direction)
            gained = there <= value + _ENOUGH * length * slope
            # Near the minimum the objective's own rounding hides the gain; the slopes still tell it.
            if gained or (there <= value + _ROUNDING * abs(value) and slope_there <= -0.8 * slope):
                break
            if length < 1e-4:
                return point, True  # float32 sees no way down
            bowl = there - value - length * slope  # of the parabola through both values
            length *= min(max(-length * slope / (2 * bowl), 0.1), 0.5) if bowl > 0 else 0.5
        step, turn = ahead - point, steepness - gradient
        bent = _dot(step, turn)
        if bent > 1e-8 * _dot(step, step):
            past = [*past[1 - _REMEMBERED :], (step, turn, bent)]
        point, value, gradient = ahead, there, steepness
    return point, False


def _direction(gradient: Matrix, past: Sequence[tuple[Matrix, Matrix, float]], saxpy: Any) -> Matrix:
    """Where the remembered steps say that it goes down."""
    flat = -gradient.ravel()
    along = []
    for step, turn, bent in reversed(past):
        along.append(float(step.ravel() @ flat) / bent)
        flat = saxpy(turn.ravel(), flat, a=-along[-1])
    if past:
        _, turn, bent = past[-1]
        flat *= np.float32(bent / _dot(turn, turn))
    else:
        flat *= np.float32(0.5)  # words and characters say the same twice
    for (step, turn, bent), was in zip(past, reversed(along), strict=True):
        flat = saxpy(step.ravel(), flat, a=was - float(turn.ravel() @ flat) / bent)
    return flat.reshape(gradient.shape)


def _dot(left: Matrix, right: Matrix) -> float:
    return float(left.ravel() @ right.ravel())
