"""Surveys of the fakes, taken once for the whole folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from embedlab import survey
from embedlab.survey import Survey
from embedlab.types import Corpus
from tests.fakes import FakeEncoder

Surveys = Callable[..., tuple[Survey, Survey]]


@pytest.fixture(scope="session")
def surveys(tmp_path_factory: pytest.TempPathFactory) -> Surveys:
    """surveys(corpus, before, after, **plan options): both surveys of one plan."""

    def take(corpus: Corpus, before: FakeEncoder, after: FakeEncoder, **options: object) -> tuple[Survey, Survey]:
        folder = Path(tmp_path_factory.mktemp("surveys"))
        plan = survey.plan_survey(corpus, before, **options)  # type: ignore[arg-type]
        one, two = (survey.take_survey(e, plan, folder / name) for e, name in ((before, "before"), (after, "after")))
        return one, two

    return take
