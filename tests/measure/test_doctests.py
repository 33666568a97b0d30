"""The number in every docstring is what the function gives; every public function has one."""

import doctest
import importlib
import inspect

import pytest

MODULES = ["rows", "geometry", "words", "drift", "neighbours", "senses", "projection", "uncertainty"]


def load(name):
    return importlib.import_module(f"embedlab.measure.{name}")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name):
    failed, tried = doctest.testmod(load(name))
    assert failed == 0
    assert tried > 0 or name == "rows"


@pytest.mark.parametrize("name", MODULES[1:])
def test_every_public_function_explains_itself(name):
    module = load(name)
    for title, function in vars(module).items():
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not title.startswith("_"):
            assert ">>>" in (function.__doc__ or ""), f"{name}.{title} has no example"
