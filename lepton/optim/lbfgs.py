"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lepton.autograd.ops.joining import cat
from lepton.autograd.state import enable_grad, no_grad
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, OptimizerError
from lepton.optim.line_search import Point, strong_wolfe
from lepton.optim.optimizer import Optimizer, check_rate, zeros_like

REMEMBERED = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")
CURVED = 1e-10  # yᵀs below which a pair says nothing reliable about the curvature


class LBFGS(Optimizer):
    """The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno (Liu & Nocedal 1989).

    d = −H·∇, H the inverse Hessian as the last gradient changes y and steps s tell it (the two-loop recursion, Nocedal
    & Wright, *Numerical Optimization*, algorithm 7.4), from H₀ = yᵀs/yᵀy;  θ ← θ + t·d

    ``step(closure)`` runs up to ``max_iter`` iterations; the closure clears the gradients, computes the loss, runs
    backward and returns the loss. All parameters form one group, and the state is kept with the first of them.

    Args:
        params: parameters. lr: t, and the first t that the line search tries. max_iter: iterations per step.
        max_eval: evaluations of the closure per step; 1.25·max_iter unless told otherwise.
        tolerance_grad: stop where no element of the gradient is larger. tolerance_change: stop where parameters or
            loss change less. history_size: how many pairs (y, s) are kept.
        line_search_fn: None, or ``"strong_wolfe"``.

    Raises:
        ArgumentError: more than one group, or a negative rate. OptimizerError: an unknown line search.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_rate(lr)
        if line_search_fn not in (None, "strong_wolfe"):
            raise OptimizerError(f"only 'strong_wolfe' is supported as line_search_fn, not {line_search_fn!r}")
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take the one group that there can be.

        Raises:
            ArgumentError: there is one already.
        """
        if self.param_groups:
            raise ArgumentError("LBFGS doesn't support per-parameter options (parameter groups)")
        super().add_param_group(param_group)

    def step(self, closure: Callable[[], Any]) -> Any:
        """Run up to ``max_iter`` iterations.

        Args:
            closure: computes the loss again (forward and backward) and returns it.

        Returns:
            The first loss.
        """
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with no_grad():
            first = self._evaluate(closure)
            gradient = self._flat_gradient()
            if not _largest(gradient) <= group["tolerance_grad"]:
                memory = {name: state.get(name) for name in REMEMBERED}
                self._iterate(closure, memory, float(first), gradient)
                state.update(memory)
        return first

    def _iterate(self, closure: Callable[[], Any], memory: dict[str, Any], loss: float, gradient: Tensor) -> None:
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        lr, most_evaluations = float(group["lr"]), state["func_evals"] - 1 + group["max_eval"]
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                memory.update(d=-gradient, old_dirs=[], old_stps=[], ro=[], H_diag=1)
                t = min(1.0, 1.0 / float(gradient.abs().sum())) * lr
            else:
                self._remember(memory, gradient)
                memory["d"] = self._direction(memory, gradient)
                t = lr
            direction = memory["d"]
            memory.update(t=t, prev_flat_grad=gradient, prev_loss=loss)
            slope = float(gradient.dot(direction))
            if slope > -group["tolerance_change"]:
                return
            if group["line_search_fn"] is not None:
                start, left = Point(0.0, loss, gradient, slope), most_evaluations - state["func_evals"]
                t, loss, gradient = self._search(closure, start, t, direction, left)
                memory["t"] = t
                self._move(t, direction)
            else:
                self._move(t, direction)
                if iteration < group["max_iter"]:  # with noisy losses, a last evaluation would say nothing
                    loss = float(self._evaluate(closure))
                    gradient = self._flat_gradient()
            if (
                state["func_evals"] >= most_evaluations
                or _largest(gradient) <= group["tolerance_grad"]
                or _largest(direction * t) <= group["tolerance_change"]
                or abs(loss - memory["prev_loss"]) < group["tolerance_change"]
            ):
                return

    def _evaluate(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        self.state[group["params"][0]]["func_evals"] += 1
        with enable_grad():
            return closure()

    def _remember(self, memory: dict[str, Any], gradient: Tensor) -> None:
        """Note how the gradient changed by the last step, if it tells of positive curvature."""
        y, s = gradient - memory["prev_flat_grad"], memory["d"] * memory["t"]
        curvature = y.dot(s)
        if float(curvature) > CURVED:
            for name, value in (("old_dirs", y), ("old_stps", s), ("ro", 1.0 / curvature)):
                if len(memory[name]) == self.param_groups[0]["history_size"]:
                    memory[name].pop(0)
                memory[name].append(value)
            memory["H_diag"] = curvature / y.dot(y)

    def _direction(self, memory: dict[str, Any], gradient: Tensor) -> Tensor:
        """−H·∇ by the two-loop recursion."""
        group = self.param_groups[0]
        al = self.state[group["params"][0]].setdefault("al", [None] * group["history_size"])
        pairs = list(zip(memory["old_dirs"], memory["old_stps"], memory["ro"], strict=True))
        direction = -gradient
        for i in reversed(range(len(pairs))):
            y, s, ro = pairs[i]
            al[i] = s.dot(direction) * ro
            direction -= al[i] * y
        direction = direction * memory["H_diag"]
        for i, (y, s, ro) in enumerate(pairs):
            direction += (al[i] - y.dot(direction) * ro) * s
        return direction

    def _search(
        self, closure: Callable[[], Any], start: Point, t: float, direction: Tensor, left: int
    ) -> tuple[float, float, Tensor]:
        """The step length that the line search finds, with the loss and the gradient there."""
        parameters = self.param_groups[0]["params"]
        origin = [each.clone() for each in parameters]

        def evaluate(t: float) -> Point:
            self._move(t, direction)
            loss = float(self._evaluate(closure))
            gradient = self._flat_gradient()
            for parameter, value in zip(parameters, origin, strict=True):
                parameter.copy_(value)
            return Point(t, loss, gradient, float(gradient.dot(direction)))

        point = strong_wolfe(evaluate, start, t, _largest(direction), max(left, 0))
        return point.t, point.loss, point.gradient

    def _flat_gradient(self) -> Tensor:
        flat = []
        for parameter in self.param_groups[0]["params"]:
            gradient = zeros_like(parameter) if parameter._grad is None else parameter._grad
            flat.append(gradient.reshape(-1))
        return cat(flat, 0)

    def _move(self, t: float, direction: Tensor) -> None:
        """θ ← θ + t·d."""
        offset = 0
        for parameter in self.param_groups[0]["params"]:
            part = direction[offset : offset + parameter.numel()]
            parameter += t * part.reshape(parameter.shape)
            offset += parameter.numel()


def _largest(x: Tensor) -> float:
    return float(x.abs().max())
