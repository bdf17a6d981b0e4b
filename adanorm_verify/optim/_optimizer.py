"""The optimizer class under all of ours: options, state, dispatch and checkpoints, but no formula."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT, _default_to_fused_or_foreach

from ._fused import check_devices, check_fused, fused_step
from ._moments import prepare, prepare_all
from ._options import Options, check_foreach, tensors_for_foreach, validate, with_numbers_of_python
from ._sharded import Part, local, local_state, parts, refuse_unsupported, written
from ._states import check_loaded, in_our_form, initial, loaded, scalar
from ._tensors import (
    Tensors,
    as_real,
    buckets,
    by_device,
    chunks,
    rows,
    store,
    store_all,
    working_copies,
    working_copy,
)

_HALF = (
    "{} keeps exp_avg_sq in float16, as its parameters: what is below 3e-8 becomes 0 and steps become many times too "
    "long; state_dtype=torch.float32 keeps it in float32"
)
_NONE: Mapping[Tensor, Part] = MappingProxyType({})
_GRAPH_CHECK = next(
    (
        name
        for name in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check")
        if hasattr(Optimizer, name)
    ),
    None,
)
"""Torch's own check, by its present name or the one before; found once, since torch 2.11 cannot compile the search."""


class Update(NamedTuple):
    """An update rule: its name, by which the fused kernels know it, and its two forms in torch's operations."""

    name: str
    single_tensor: Callable[[Tensors[Tensor], Options], None]
    multi_tensor: Callable[[Tensors[list[Tensor]], Options], None]


def refuse_duplicates(group: dict[str, Any]) -> None:
    """Raise ValueError for a parameter that a group has twice, and that would take two steps at once."""
    seen: set[int] = set()
    for p in group["params"]:
        if id(p) in seen:
            raise ValueError(f"a group must have each parameter once, got one of shape {tuple(p.shape)} twice")
        seen.add(id(p))


def warn_of_half(group: dict[str, Any], name: str) -> None:
    """Warn of moments that are kept in float16."""
    if group["state_dtype"] is None and any(p.dtype in (torch.float16, torch.complex32) for p in group["params"]):
        warnings.warn(_HALF.format(name), stacklevel=2)


class MomentOptimizer(Optimizer):
    """A first and a second moment for each parameter; subclasses bring the update."""

    _update: ClassVar[Update]
    _keeps_grad_norm: ClassVar[bool] = False
    _keeps_previous_grad: ClassVar[bool] = False
    _offers_amsgrad: ClassVar[bool] = False

    def __init__(self, params: ParamsT, **defaults: Any) -> None:
        validate(defaults)
        super().__init__(params, with_numbers_of_python(defaults))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters, its options validated as the constructor's are."""
        if isinstance(param_group, dict):  # anything else is refused with torch's own message
            validate(self.defaults | param_group)
        super().add_param_group(param_group)
        added = self.param_groups.pop()
        added.update(with_numbers_of_python(added))
        refuse_duplicates(added)
        refuse_unsupported(added)
        check_fused(added)
        warn_of_half(added, type(self).__name__)
        self.param_groups.append(added)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state as torch does, but keep the precision of what is kept wider, and share no tensor with it.

        A step count may be a number, and an average of gradient norms a number or a tensor of one element. What a
        state lacks begins at the next step as in the first one, so that a state of `torch.optim.Adam` can be loaded.

        Raises:
            ValueError: for a state that does not fit its parameter; nothing is loaded then.
        """
        source: dict[str, Any] = {}
        # The first hook runs after the user's and sees what they made of the dict; the second before theirs.
        seen = self.register_load_state_dict_pre_hook(lambda _, final: self._inspect(final, source))
        done = self.register_load_state_dict_post_hook(lambda _: self._own_state(source), prepend=True)
        try:
            super().load_state_dict(state_dict)
        finally:
            seen.remove()
            done.remove()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in (self._option_defaults() | self.defaults).items():
                group.setdefault(name, value)
            check_fused(group)
            for p in group["params"]:  # an old pickle may have numbers
                own = self.state.get(p, {})
                for name in ("step", "exp_grad_norm"):
                    if name in own and not in_our_form(own[name]):
                        own[name] = scalar(name, own[name], p, group)

    @property
    def _step_supports_amp_scaling(self) -> bool:
        """Whether `torch.amp.GradScaler` leaves the scale to the step; groups that do not fuse need it to divide."""
        return bool(self.param_groups) and all(group["fused"] for group in self.param_groups)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Perform one step and return the loss of `closure`, if there is one."""
        self._check_graph_capture()
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # All groups before any update: a refused gradient leaves no step half done.
        with torch.no_grad():
            shards = parts(self.param_groups, self._keeps_grad_norm)
        for group, options, tensors in [self._gather(group, shards) for group in self.param_groups]:
            with torch.set_grad_enabled(options.differentiable):
                if self._uses_fused(options):
                    self._step_fused(tensors, options)
                elif self._uses_foreach(group):
                    self._step_foreach(tensors, options)
                else:
                    self._step_each(tensors, options)
        written(shards)
        return loss

    def _step_each(self, tensors: Tensors[list[Tensor]], options: Options) -> None:
        for raw in rows(tensors):
            working = working_copy(raw, options.differentiable)
            prepare(working, options)
            self._update.single_tensor(working, options)
            store(working, raw)

    def _step_foreach(self, tensors: Tensors[list[Tensor]], options: Options) -> None:
        for raw in buckets(tensors):
            self._step_bucket(raw, options)

    def _step_bucket(self, raw: Tensors[list[Tensor]], options: Options) -> None:
        # A function, so that the copies are given back before the next bucket's are made.
        working = working_copies(raw)
        prepare_all(working, options)
        for chunk in chunks(working):
            self._update.multi_tensor(chunk, options)
        store_all(working, raw)

    def _step_fused(self, tensors: Tensors[list[Tensor]], options: Options) -> None:
        scaling = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)  # torch.amp.GradScaler's
        for device, members in by_device(tensors).items():
            fused_step(device)(self._update.name, members, options, *scaling)

    def _gather(
        self, group: dict[str, Any], shards: Mapping[Tensor, Part] = _NONE
    ) -> tuple[dict[str, Any], Options, Tensors[list[Tensor]]]:
        """What a step of the group works on, side by side; state is made where it is missing."""
        # A shard may lack the gradient that others have. No look-up without shards: a tensor's hash takes its time.
        params = [p for p in group["params"] if p.grad is not None or (shards and p in shards)]
        grads = [p.grad for p in params]
        for grad in grads:
            if grad is not None and grad.layout is not torch.strided:
                raise RuntimeError(f"{type(self).__name__} does not support sparse gradients, got {grad.layout}")
        options = Options.of(group)
        if self._uses_fused(options):
            check_devices(params)
        amsgrad = self._offers_amsgrad and options.amsgrad  # a checkpoint of Adam brings the option to others
        elementwise = (*self._moment_names(), *(("max_exp_avg_sq",) if amsgrad else ()))
        names = ("step", *elementwise, *(("exp_grad_norm",) if self._keeps_grad_norm else ()))
        with torch.set_grad_enabled(options.differentiable):
            states = [self.state[p] for p in params]
            for p, state in zip(params, states, strict=True):
                # One by one, so that a checkpoint of plain Adam can be continued with the correction.
                for name in names:
                    if name not in state:
                        state[name] = initial(name, p, group)
            columns = {name: [state[name] for state in states] for name in names}
            columns |= {"param": params, "grad": grads}
            if shards:
                columns["norm"] = [None] * len(params)
                for i, p in enumerate(params):
                    if (part := shards.get(p)) is not None:
                        own = {name: local_state(columns[name][i], p, name) for name in elementwise}
                        for name, value in (own | {"param": local(p), "grad": part.grad, "norm": part.norm}).items():
                            columns[name][i] = value
            if any(p.is_complex() for p in params):
                for name in ("param", "grad", *elementwise):
                    columns[name] = [as_real(tensor) for tensor in columns[name]]
            return group, options, Tensors(**columns)

    def _inspect(self, final: dict[str, Any], source: dict[str, Any]) -> None:
        defaults = self._option_defaults() | self.defaults
        for own, saved in zip(self.param_groups, final["param_groups"], strict=False):  # torch reports the lengths
            check_fused({**defaults, **saved, "params": own["params"]})
            for index, p in zip(saved["params"], own["params"], strict=False):
                check_loaded(final["state"].get(index, {}), p, saved)
        source.update(final)

    def _own_state(self, source: dict[str, Any]) -> None:
        for own, saved in zip(self.param_groups, source["param_groups"], strict=True):
            for index, p in zip(saved["params"], own["params"], strict=True):
                if index in source["state"]:
                    self.state[p] = loaded(source["state"][index], self.state[p], p, own)

    def _uses_fused(self, options: Options) -> bool:
        # Torch's compiler cannot look into the fused step, and makes one of its own of the others.
        if not options.fused or not torch.compiler.is_compiling():
            return options.fused
        if getattr(self, "grad_scale", None) is not None or getattr(self, "found_inf", None) is not None:
            raise RuntimeError("a compiled step of fused=True takes no scale: call GradScaler.unscale_ before it")
        return False

    def _uses_foreach(self, group: dict[str, Any]) -> bool:
        check_foreach(group)
        if group["foreach"] is not None:
            return group["foreach"]
        if tensors_for_foreach(group):
            return False
        return _default_to_fused_or_foreach(
            [local(p) for p in group["params"]], group["differentiable"], use_fused=False
        )[1]

    @classmethod
    def _moment_names(cls) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", *(("previous_grad",) if cls._keeps_previous_grad else ()))

    @classmethod
    def _option_defaults(cls) -> dict[str, Any]:
        parameters = inspect.signature(cls.__init__).parameters.values()
        return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}

    def _check_graph_capture(self) -> None:
        if _GRAPH_CHECK is not None:
            getattr(self, _GRAPH_CHECK)()
