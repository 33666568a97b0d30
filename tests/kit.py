"""Where the kit lies, and how a test says that it needs it. A user has no kit: such tests are skipped."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KIT = Path(__file__).parents[2] / "shared" / "kit"
HAS_KIT = (KIT / "README.md").is_file()


def needs_kit(test: Any) -> Any:
    """Marks a test (or a class, or a parameter list's test) that reads ../shared/kit."""
    return pytest.mark.kit(pytest.mark.skipif(not HAS_KIT, reason="the kit (../shared/kit) is not here")(test))


@cache
def values() -> dict[str, Any]:
    """kit/reference/values.json: what independent implementations give."""
    return json.loads((KIT / "reference" / "values.json").read_text())


@cache
def case(name: str) -> dict[str, np.ndarray]:
    """The arrays of one reference case, read-only."""
    with np.load(KIT / "reference" / f"{name}.npz") as file:
        arrays = dict(file)
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def cases(metric: str) -> list[str]:
    """Names of the reference cases that hold a metric; none where the kit is absent."""
    return [name for name, metrics in values()["cases"].items() if metric in metrics] if HAS_KIT else []


def entries(name: str, metric: str, wrong: bool = False) -> list[tuple[str, Any]]:
    """(implementation, value) of a metric: those that mean it, or those that are wrong on purpose (TRAP, NOT)."""
    found = []
    for entry in values()["cases"][name][metric]:
        is_wrong = entry["impl"].startswith("TRAP") or "NOT" in entry["impl"].replace("NOTE", "")
        if is_wrong == wrong and "value" in entry and entry["value"] != "nan":
            found.append((entry["impl"], entry["value"]))
    return found
