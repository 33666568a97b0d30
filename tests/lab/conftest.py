"""What the tests of searching and of senses share: a workspace a file, whose two models are fakes."""

import pytest

from tests.searching import FakeLab, fill


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeLab, str]:
    return fill(tmp_path_factory.mktemp("made"))


@pytest.fixture
def lab(made: tuple[FakeLab, str]) -> FakeLab:
    """Its lab, with every model there and none loaded."""
    made[0].loaded.clear()
    made[0].gone.clear()
    return made[0]


@pytest.fixture
def id(made: tuple[FakeLab, str]) -> str:
    """Its comparison."""
    return made[1]
