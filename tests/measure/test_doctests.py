"""The number in every docstring is what the function gives; every public function has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import embedlab.measure

GATHERED = {"geometry", "uncertainty"}  # names of other modules, nothing of their own
MODULES = sorted({module.name for module in pkgutil.iter_modules(embedlab.measure.__path__)} - GATHERED)


def load(name):
    return importlib.import_module(f"embedlab.measure.{name}")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name):
    failed, tried = doctest.testmod(load(name))
    assert failed == 0
    assert tried > 0 or name == "rows"


@pytest.mark.parametrize("name", [name for name in MODULES if name != "rows"])
def test_every_public_function_explains_itself(name):
    module = load(name)
    for title, function in vars(module).items():
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not title.startswith("_"):
            assert ">>>" in (function.__doc__ or ""), f"{name}.{title} has no example"


@pytest.mark.parametrize("name", sorted(GATHERED))
def test_gathered_names_exist_once(name):
    module = load(name)
    assert module.__all__ == sorted(set(module.__all__))
    for title in module.__all__:
        assert getattr(module, title) is not None
