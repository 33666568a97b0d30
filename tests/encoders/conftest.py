from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from embedlab import encoders
from embedlab.encoders.transformer import TransformerEncoder
from embedlab.types import EncoderSpec, Pooling
from tests.encoders import tiny
from tests.encoders.plain import Plain

Both = Callable[..., tuple[TransformerEncoder, Plain]]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """kind -> the folder of a tiny random model of that kind."""
    root = tmp_path_factory.mktemp("models")
    return cache(lambda kind: tiny.make(kind, root / kind))


@pytest.fixture(scope="session")
def both(folder: Callable[[str], Path]) -> Both:
    """kind, pooling -> (our encoder, the plain one) over the same folder."""

    @cache
    def make(kind: str, pooling: Pooling = "mean") -> tuple[TransformerEncoder, Plain]:
        encoder = encoders.load(EncoderSpec(str(folder(kind)), pooling=pooling), device="cpu")
        assert isinstance(encoder, TransformerEncoder)
        return encoder, Plain(folder(kind), longest=40)

    return make


@pytest.fixture(scope="session")
def builtin() -> TransformerEncoder:
    encoder = encoders.load(EncoderSpec("builtin"), device="cpu")
    assert isinstance(encoder, TransformerEncoder)
    return encoder
