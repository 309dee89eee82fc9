"""Adafactor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.backend.dtypes import finfo
from lepton.errors import ArgumentError
from lepton.kernels.optimizer import adafactor_step
from lepton.optim.optimizer import Optimizer, check_range, check_rate, next_step, scalar, zeros_like


class Adafactor(Optimizer):
    """Adam in little memory: of a matrix's second moments only the row and column means are kept.

    w = t^τ;  α = max(ε₂, rms(θ))·min(γ, 1/√t);  θ ← θ·(1 − γλ);
    R ← R + w·(row means of g² − R);  C ← C + w·(column means of g² − C);  V = R·C / max(mean R, ε₁);
    U = g / √max(V, ε₁²);  θ ← θ − α·U / max(1, rms(U)/d)
    (Shazeer & Stern, *Adafactor: Adaptive Learning Rates with Sublinear Memory Cost*, 2018, with PyTorch's use of γ
    and ε₁)

    Args:
        params: parameters or groups. Those of more than two dimensions are treated as stacks of matrices, those of
            fewer keep a second moment for each element.
        lr: γ, the largest relative step, a number or a tensor of one element. beta2_decay: τ.
        eps: (ε₁, ε₂); for None ε₁ is the spacing of the parameter's numbers at 1. d: the clipping threshold.
        weight_decay: λ. foreach: accepted for PyTorch's sake; there is one implementation.
        maximize: climb instead of descend.

    Raises:
        ArgumentError: an option is out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_rate(lr)
        if not beta2_decay <= 0.0:
            raise ArgumentError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None:
            check_range("epsilon1", eps[0])
        check_range("epsilon2", eps[1])
        if not d >= 1.0:
            raise ArgumentError(f"Clipping threshold d should be >= 1 but is: {d}")
        check_range("weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "beta2_decay": beta2_decay,
                "eps": eps,
                "d": d,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        lr, decay, clipping, weight_decay = (float(group[each]) for each in ("lr", "beta2_decay", "d", "weight_decay"))
        eps1, eps2 = group["eps"]
        buffers = ("row_var", "col_var", "variance")
        for parameter, state in self._stepped(group):
            step = next_step(state)
            if parameter.numel():  # the mean square of no numbers is none
                spacing = finfo(parameter.dtype).eps if eps1 is None else float(eps1)
                settings = (step, lr, decay, spacing, float(eps2), clipping, weight_decay, group["maximize"])
                self._update(adafactor_step, parameter, state, buffers, group, *settings)

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        data = parameter._data
        if data.ndim > 1:
            zeros, shape = xp(data).zeros, data.shape
            state["row_var"] = Tensor(zeros((*shape[:-1], 1), data.dtype))
            state["col_var"] = Tensor(zeros((*shape[:-2], 1, shape[-1]), data.dtype))
        else:
            state["variance"] = zeros_like(parameter)
