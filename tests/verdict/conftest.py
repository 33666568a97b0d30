"""Surveys of the fakes, of one plan, as many model states as asked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from embedlab import survey
from embedlab.survey import Survey
from embedlab.types import Corpus
from tests.fakes import FakeEncoder

Surveys = Callable[..., tuple[Survey, ...]]


@pytest.fixture(scope="session")
def surveys(tmp_path_factory: pytest.TempPathFactory) -> Surveys:
    """surveys(corpus, before, after, replicate..., **plan options)."""

    def take(corpus: Corpus, *encoders: FakeEncoder, **options: object) -> tuple[Survey, ...]:
        folder = Path(tmp_path_factory.mktemp("surveys"))
        plan = survey.plan_survey(corpus, encoders[0], **options)  # type: ignore[arg-type]
        return tuple(survey.take_survey(encoder, plan, folder / str(i)) for i, encoder in enumerate(encoders))

    return take
