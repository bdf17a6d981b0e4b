"""What a trainer asks of a step (to be compiled, scaled, hooked into, differentiated) and of the constructor."""

from __future__ import annotations

import logging
import warnings
from functools import cache
from pathlib import Path

import pytest
import torch
from test_checks_faithful import contract

from adanorm_verify import check_optimizer
from adanorm_verify.checks import pages
from adanorm_verify.checks.compiling import pretending, traceable
from adanorm_verify.formats import representable
from adanorm_verify.gate import SHIPPED
from adanorm_verify.implemented import Watched, unread
from adanorm_verify.paper import algorithm
from adanorm_verify.runs import Check, probe
from adanorm_verify.shelf._base import Adam
from adanorm_verify.shelf.faithful_paths_asked import FAITHFUL_PATHS_ASKED
from adanorm_verify.shelf.wrong_door import WRONG_DOOR
from adanorm_verify.shelf.wrong_paths_asked import WRONG_PATHS_ASKED
from adanorm_verify.streams import PROBE
from adanorm_verify.subject import Subject
from adanorm_verify.targets import load

FAULTS = Path(__file__).parents[2] / "shared" / "faults"
OWN = {
    "compiled-step",
    "grad-scaler",
    "step-hooks",
    "state-hooks",
    "named-parameters",
    "differentiable",
    "duplicates",
    "validation",
    "swallowed-options",
}
CAUSES = {
    "WrongWhenCompiling": ("compiled-step", "compiled by torch.compile, step() moves otherwise"),
    "CountStuckWhenCompiling": ("compiled-step", "compiled by torch.compile, step() moves otherwise"),
    "ForeachWrongWhenCompiling": ("compiled-step", "compiled by torch.compile, step() moves otherwise"),
    "AverageLostWhenCompiling": ("compiled-step", "compiled by torch.compile, step() moves otherwise"),
    "ClaimsScaling": ("grad-scaler", "a step with an infinite gradient moves the parameters"),
    "UnscalesOnly": ("grad-scaler", "a step with an infinite gradient moves the parameters"),
    "SkipsOnly": ("grad-scaler", "a run is not that without one"),
    "SkipsAndCounts": ("grad-scaler", "changes its state step"),
    "SkipsAndDecays": ("grad-scaler", "changes its state exp_avg"),
    "SkipsForEver": ("grad-scaler", "a run is not that without one"),
    "StepOfInstance": ("step-hooks", "register_step_pre_hook is called 0 times"),
    "SaysHooked": ("step-hooks", "register_step_pre_hook is called 0 times"),
    "HooksTwice": ("step-hooks", "register_step_pre_hook is called"),
    "PostHooksFirst": ("step-hooks", "register_step_post_hook is called"),
    "HookArgumentsDropped": ("step-hooks", "are not what the step gets"),
    "SavesWithoutHooks": ("state-hooks", "register_state_dict_pre_hook is never called"),
    "LoadsWithoutHooks": ("state-hooks", "register_load_state_dict_post_hook is never called"),
    "NamesNotSaved": ("named-parameters", "and its state_dict []"),
    "NamesSlowDown": ("named-parameters", "given with names move otherwise"),
    "GradientDetached": ("differentiable", "do not depend on the gradients in autograd's graph"),
    "RootDetached": ("differentiable", "the derivative of the parameters by the size of the gradients is wrong"),
    "MomentDetached": ("differentiable", "the derivative of the parameters by the size of the gradients is wrong"),
    "DuplicatesTaken": ("duplicates", "twice in one group or in two groups or again by add_param_group"),
    "SecondGroupTaken": ("duplicates", "in two groups or again by add_param_group"),
    "DuplicateOfGroupSilent": ("duplicates", "given twice in one group is taken without a word"),
    "BetaOneTaken": ("validation", "beta1=1.0 is taken without a word, and the first step makes parameters NaN"),
    "NegativeRateTaken": ("validation", "lr=-1.0 is taken without a word, and the first step moves uphill"),
    "SwallowsEverything": ("swallowed-options", "maximize=True, weight_decay=0.125, amsgrad=True through **kwargs"),
    "SwallowsMaximize": ("swallowed-options", "maximize=True through **kwargs, and it has no effect"),
    "SwallowsDecay": ("swallowed-options", "weight_decay=0.125 through **kwargs, and it has no effect"),
}
MUTANTS = {subject.__name__: subject for subject in (*WRONG_PATHS_ASKED, *WRONG_DOOR)}


@pytest.fixture
def only_own(monkeypatch):
    """The checks of this file alone."""
    monkeypatch.setattr(pages, "_registered", [page for page in pages.registered() if page.name in OWN])


def outcomes(results, *kinds) -> dict[str, str]:
    return {result.name: result.message for result in results if result.outcome in kinds}


@pytest.mark.parametrize("name", MUTANTS)
def test_each_fault_is_named_by_its_check_alone(name, only_own):
    check, cause = CAUSES[name]
    found = outcomes(contract(MUTANTS[name], MUTANTS[name].algorithm), "failed")
    assert list(found) == [check]
    assert cause in found[check]


def test_hooks_called_twice_are_found_too_where_torch_has_wrapped_the_base_class(only_own):
    """It wraps the step of a class as the first optimizer of it is made: the verdict must not depend on what was."""
    wrong = MUTANTS["HooksTwice"]
    wrong.__mro__[1]([torch.nn.Parameter(torch.ones(2))])
    found = outcomes(contract(wrong, wrong.algorithm), "failed")
    assert "is called 24 times in 8 steps" in found["step-hooks"]


@pytest.mark.parametrize("subject", FAITHFUL_PATHS_ASKED, ids=lambda subject: subject.__name__)
def test_right_code_passes_however_odd(subject, only_own):
    results = contract(subject, subject.algorithm, decisions=subject.decisions)
    assert outcomes(results, "failed", "warned") == {}
    assert "compiled-step" in outcomes(results, "passed")


@pytest.mark.parametrize(
    ("subject", "name"), [(torch.optim.Adam, "adam"), (torch.optim.RAdam, "radam"), (torch.optim.NAdam, "adam")]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_passes_on_all_paths(subject, name, dtype, only_own):
    results = contract(subject, name, dtypes=(dtype,))
    assert outcomes(results, "failed", "warned") == {}
    assert outcomes(results, "passed").keys() >= OWN - {"differentiable", "swallowed-options"}


def test_odd_subjects_are_odd_in_what_they_are_here_for(only_own):
    found = {s.__name__: contract(s, s.algorithm) for s in FAITHFUL_PATHS_ASKED}
    assert outcomes(found["ScaledByItself"], "passed")["grad-scaler"] == "it unscales by itself"
    assert "differentiable" in outcomes(found["DifferentiableStep"], "passed")
    assert "named-parameters" in outcomes(found["RefusesMore"], "not-applicable")
    assert {result.path for result in found["ChosenByConstructor"]} == {"single-tensor", "foreach"}


class HalfAsTwice(torch.optim.Adam):
    """Its step calls its base class's, around which torch may have put hooks too."""

    def step(self, closure=None):
        return super().step(closure)


def test_hooks_that_a_base_class_calls_too_are_a_note(only_own):
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # torch puts hooks around Adam.step now
    found = contract(HalfAsTwice, "adam", foreach=False, fused=False)
    assert outcomes(found, "passed")["step-hooks"] == "its hooks are called for its base class's step too"


class ValidatesNothing(torch.optim.Adam):
    """Its constructor never looks at what it is given."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, foreach=False)
        for group in [self.defaults, *self.param_groups]:
            group.update(lr=lr, betas=betas, eps=eps)


def test_a_constructor_that_validates_nothing_is_a_warning(only_own):
    found = contract(ValidatesNothing, "adam")
    assert outcomes(found, "failed") == {}
    assert outcomes(found, "warned")["validation"].startswith("takes without a word: lr=-1.0, lr=nan, beta1=-0.5")


class Shrugs(Adam):
    """Any keyword is taken, but those that mean something have their meaning."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, **anything):
        if anything.keys() & {"maximize", "weight_decay", "amsgrad"}:
            raise TypeError("not supported")
        super().__init__(params, lr, betas, eps)


def test_a_misspelled_word_alone_is_a_warning(only_own):
    found = contract(Shrugs, "adam")
    assert outcomes(found, "failed") == {}
    assert "misspelled option is lost: weigth_decay=0.125" in outcomes(found, "warned")["swallowed-options"]


def factory_of_anything(params, **options):
    return torch.optim.Adam(params, **options)


def test_keywords_that_are_passed_on_are_no_swallowed_ones(only_own):
    found = contract(factory_of_anything, "adam")
    assert outcomes(found, "failed", "warned") == {}
    assert "swallowed-options" in outcomes(found, "passed")


class RefusedByCompiler(Adam):
    """While it is compiled it does what no compiler traces, and otherwise what nobody asked for."""

    def update(self, now):
        if not torch.compiler.is_compiling():
            return super().update(now)
        torch._dynamo.graph_break()
        raise RuntimeError("not while compiling")


def test_what_the_compiler_refuses_is_no_fault(only_own):
    found = contract(RefusedByCompiler, "adam")
    assert outcomes(found, "failed") == {}
    assert "not while compiling" in outcomes(found, "not-applicable")["compiled-step"]


def test_compiling_leaves_nothing_behind():
    config = torch._dynamo.config.suppress_errors
    with traceable("cpu"), pretending():
        assert torch.compiler.is_compiling()
    assert not torch.compiler.is_compiling()
    assert not torch.compiler.is_dynamo_compiling()
    assert torch._dynamo.config.suppress_errors is config
    assert logging.root.manager.disable == logging.NOTSET


# Paths that are none.


class Inherits(torch.optim.Adam):
    """Torch's constructor, and a step of its own that reads neither of its path arguments."""

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                s = self.state[p]
                if not s:
                    s.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                s["t"] += 1
                s["m"].mul_(b1).add_(p.grad, alpha=1 - b1)
                s["v"].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                d = (s["v"] / (1 - b2 ** s["t"])).sqrt() + group["eps"]
                p.addcdiv_(s["m"] / (1 - b1 ** s["t"]), d, value=-group["lr"])


class Looks(Inherits):
    """It reads the argument and does the same all the same."""

    def step(self, closure=None):
        self.asked = [self.look(group) for group in self.param_groups]
        return super().step(closure)

    def look(self, group):
        return group.get("foreach"), group["fused"], {**group}["capturable"]


def checked(factory, **arguments) -> Check:
    paper = algorithm("adam")
    subject = Subject(factory, factory.__name__, arguments, {}, paper.hyperparameters)
    return Check(subject, paper, subject.base, "cpu")


def missing(factory, **arguments) -> dict[str, str]:
    check = checked(factory, **arguments)
    found = {path: probe(check, path, "float32") for path in check.subject.paths}
    return {path: combination.note for path, combination in found.items() if combination.absent}


def test_a_path_whose_argument_nobody_reads_is_none():
    paths = ("foreach", "fused", "capturable")
    assert missing(Inherits) == {path: f"{path}=True is accepted, and never read by step()" for path in paths}


@pytest.mark.parametrize(
    "subject", [Looks, torch.optim.Adam, torch.optim.SGD, torch.optim.RAdam, *FAITHFUL_PATHS_ASKED]
)
def test_a_path_whose_argument_is_read_or_has_an_effect_is_one(subject):
    assert missing(subject) == {}


@pytest.mark.parametrize("shipped", SHIPPED[:6], ids=lambda shipped: shipped.name)
def test_paths_of_shipped_optimizers_exist(shipped):
    assert missing(load(shipped.target)) == {}


def test_absent_paths_are_not_offered_and_do_not_count():
    verdict = check_optimizer(Inherits, "adam", profile="quick", dtypes=["float32"], explain=False)
    assert {run.path: run.outcome for run in verdict.runs if run.path != "single-tensor"} == dict.fromkeys(
        ("foreach", "fused", "capturable"), "not-offered"
    )


def test_a_subject_that_cannot_be_watched_is_taken_at_its_word():
    class Slots:
        __slots__ = ("inner", "param_groups")

        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, foreach=False):
            self.inner = torch.optim.Adam(params, lr=lr, betas=betas, eps=eps, foreach=False)
            self.param_groups = tuple(self.inner.param_groups)

        def step(self):
            self.inner.step()

    assert unread(checked(Slots).subject, representable(PROBE, "float32"), "foreach", "float32", "cpu") == ""


def test_watched_dict_tells_every_way_to_read():
    ways = [lambda d: d["a"], lambda d: d.get("a"), lambda d: dict(d), lambda d: {**d}, lambda d: list(d.items())]
    ways += [lambda d: d.copy(), lambda d: list(d.values()), lambda d: list(d), lambda d: d.pop("a")]
    for way in ways:
        reads: set[str] = set()
        way(Watched({"a": 1}, reads))
        assert reads == {"a"}
    Watched({"a": 1}, reads := set())["b"] = 2
    assert reads == set()


# The files of shared/faults.


@cache
def verdict_of(file, name):
    path = FAULTS / file
    if not path.is_file():
        pytest.skip(f"needs {path}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return check_optimizer(f"{path}:{name}", "adam", profile="default", dtypes=["float32"])


@pytest.mark.parametrize(
    ("file", "name", "check"),
    [
        ("34_claims_amp_scaling.py", "Wrong", "grad-scaler"),
        ("41_wrong_when_compiling.py", "Wrong", "compiled-step"),
        ("42_duplicates_taken.py", "Wrong", "duplicates"),
        ("wild_ignored_paths.py", "Swallows", "swallowed-options"),
    ],
)
def test_fault_is_found_by_its_check_alone(file, name, check):
    assert verdict_of(file, name).failed_checks == (check,)


def test_twin_of_a_fault_conforms():
    assert verdict_of("34_claims_amp_scaling.py", "Right").outcome == "conforms"


def test_inherited_arguments_that_no_step_reads():
    verdict = verdict_of("wild_ignored_paths.py", "Inherits")
    assert {run.path for run in verdict.runs if run.outcome == "conforms"} == {"single-tensor"}
    messages = {result.name: result.message for result in verdict.checks if result.outcome in ("failed", "warned")}
    assert messages["maximize"] == "maximize=True is accepted and has no effect"
    assert "never read by step()" in messages["differentiable"]
