"""What a comparison reads from one model state over a corpus: taken in one pass, kept in a sealed folder.

The id of a survey says what is in it (weights, plan, precision), so the same question is never asked twice. What is
looked at one by one (words, uses, texts) can be kept by itself, at some layers and in half precision, as `Vectors`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from embedlab.encoders.protocol import Encoder
from embedlab.errors import StoreError
from embedlab.measure.words import MIN_USES
from embedlab.store import open_verified, read_json, sealed_folder, write_json
from embedlab.surveying.plan import SurveyPlan, plan_survey
from embedlab.surveying.stream import Streamer
from embedlab.types import EncoderSpec, LayerInfo, Occurrence, freeze

__all__ = [
    "Survey", "SurveyPlan", "Vectors", "bytes_needed", "keep_vectors", "open_survey", "open_vectors", "plan_survey",
    "survey_id", "take_survey", "write_survey",
]  # fmt: skip

Precision = Literal["fp32", "bf16"]
Progress = Callable[[float, str], None]


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """What one model state makes of the words, target uses and texts of a plan: all that can be looked at one by one.

    Arrays are read-only; one item a layer of `layers` in the tuples.
    word_means[l][v]: mean over the uses of words[v], zeros where seen_words[v] (uses counted) is 0.
    uses[l][i], texts[l][t]: the target uses and whole texts.
    A row whose seen_* is False is zeros: the span touches no piece of this model.
    `half`: they were kept in half precision (float16), and came back to float32 rounded.
    """

    id: str
    plan_id: str
    encoder: EncoderSpec
    fingerprint: str
    precision: Precision
    layers: tuple[LayerInfo, ...]
    words: tuple[str, ...]
    counts: Int64[np.ndarray, "word"]
    use_items: tuple[Occurrence, ...]
    word_means: tuple[Float32[np.ndarray, "word d"], ...]
    uses: tuple[Float32[np.ndarray, "use d"], ...]
    texts: tuple[Float32[np.ndarray, "whole d"], ...]
    seen_words: Int64[np.ndarray, "word"]
    seen_uses: Bool[np.ndarray, "use"]
    seen_texts: Bool[np.ndarray, "whole"]
    plan_facts: Mapping[str, Any]
    half: bool = False

    @property
    def layer_names(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers)


@dataclass(frozen=True, kw_only=True)
class Survey(Vectors):
    """One model state over the texts of a plan, at every layer. Arrays are memory-mapped where they are large.

    half_means[l][v]: word_means over every other use in text order, the same uses in every model; half_uses[v] of them.
    self_similarity[l, v] (A2), intra[l, t] (A3) and intra_null[l, t]: NaN where undefined.
    background[l][t]: the one random piece of text t (A1).
    off_domain: the rows of `texts` that are far from the corpus.
    unseen: how many texts, words, background pieces and uses touch no piece of this model.
    """

    half_means: tuple[Float32[np.ndarray, "word d"], ...]
    half_uses: Int64[np.ndarray, "word"]
    self_similarity: Float64[np.ndarray, "layer word"]
    background: tuple[Float32[np.ndarray, "text d"], ...]
    intra: Float64[np.ndarray, "layer text"]
    intra_null: Float64[np.ndarray, "layer text"]
    pieces: Int64[np.ndarray, "text"]
    off_domain: Int64[np.ndarray, "off"]
    seen_background: Bool[np.ndarray, "text"]
    unseen: Mapping[str, int]


def survey_id(encoder: Encoder, plan: SurveyPlan, precision: Precision = "fp32") -> str:
    """sha256 of weights, pooling, plan and precision: equal ids hold equal numbers."""
    key = [encoder.fingerprint, encoder.spec.pooling, plan.id, precision]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def bytes_needed(encoder: Encoder, plan: SurveyPlan) -> int:
    """What the folder takes on disk while it is made: float32 rows, and float64 sums that go at the end."""
    width = sum(layer.dim for layer in encoder.layers)
    words = len(plan.words)
    rows = 2 * words + plan.surveyed + len(plan.uses) + len(plan.texts)
    frequent = int((plan.counts >= MIN_USES).sum())
    return width * (4 * rows + 8 * (2 * words + frequent))


def write_survey(
    encoder: Encoder, plan: SurveyPlan, folder: Path, precision: Precision = "fp32", progress: Progress | None = None
) -> None:
    """Fill an empty folder, which the caller (`Store.put` or `take_survey`) seals. Raises ModelError."""
    report = progress or (lambda _share, _what: None)
    what = f"Reading the corpus with {encoder.spec.source}"
    streamer = Streamer(encoder, plan, folder)
    streamer.run(precision, lambda share: report(0.97 * share, what))
    streamer.finish()
    _save_items(plan.words, plan.counts, plan.uses, folder)
    facts = {"surveyed": plan.surveyed, "whole_texts": len(plan.texts), "tokens": plan.tokens, "seed": plan.seed}
    facts |= {"off_domain": len(plan.off_domain)}
    facts |= {"min_count": plan.min_count, "words_below_min_count": plan.words_below_min_count}
    about = {
        "id": survey_id(encoder, plan, precision),
        "plan_id": plan.id,
        "encoder": asdict(encoder.spec),
        "fingerprint": encoder.fingerprint,
        "precision": precision,
        "layers": [asdict(layer) for layer in encoder.layers],
        "unseen": streamer.builder.unseen,
        "plan": {"corpus_id": plan.corpus_id, **facts},
    }
    write_json(folder / "survey.json", about)
    report(1.0, what)


def take_survey(
    encoder: Encoder, plan: SurveyPlan, folder: Path, precision: Precision = "fp32", progress: Progress | None = None
) -> Survey:
    """Make the sealed folder and open it. Raises ModelError, StoreError (no room: checked before the first byte)."""
    with sealed_folder(folder, needed=bytes_needed(encoder, plan)) as temporary:
        write_survey(encoder, plan, temporary, precision, progress)
    return open_survey(folder)


def open_survey(folder: Path) -> Survey:
    """A survey from its folder. Raises StoreError when it is missing, damaged or of another make."""
    about = read_json(folder, "survey.json")
    try:

        def load(name: str) -> np.ndarray:
            path = open_verified(folder, f"{name}.npy")
            small = path.stat().st_size < 2**16  # not worth a mapping; an empty array cannot be mapped at all
            return freeze(np.load(path, mmap_mode=None if small else "r", allow_pickle=False))

        def each(name: str) -> tuple[np.ndarray, ...]:
            return tuple(load(f"{name}_{layer:02}") for layer in range(len(about["layers"])))

        return Survey(
            **_facts(about, folder),
            word_means=each("words"),
            half_means=each("halves"),
            background=each("background"),
            uses=each("uses"),
            texts=each("texts"),
            unseen=about["unseen"],
            half_uses=load("half_uses"),
            off_domain=load("off_domain"),
            self_similarity=load("self_similarity"),
            intra=load("intra"),
            intra_null=load("intra_null"),
            pieces=load("pieces"),
            seen_words=load("seen_words"),
            seen_background=load("seen_background"),
            seen_uses=load("seen_uses"),
            seen_texts=load("seen_texts"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The survey {folder.name} is not of a kind this version reads. Make it again.") from error


# -- what can be looked at, by itself --------------------------------------------------------------------------------

ROWS = ("word_means", "uses", "texts")
SEEN = ("seen_words", "seen_uses", "seen_texts")


def keep_vectors(taken: Survey, layers: Sequence[int], folder: Path) -> None:
    """Fill an empty folder with the words, uses and texts of some layers, as float16: a quarter of a survey's layer.

    Of every value 11 bits are kept, so a cosine moves in its fourth digit at most. Raises StoreError for values that
    half precision cannot hold.
    """
    for name in ROWS:
        for number, layer in enumerate(layers):
            with np.errstate(over="ignore"):
                rows = np.asarray(getattr(taken, name)[layer]).astype(np.float16)
            if not np.isfinite(rows).all():
                raise StoreError(
                    f"Layer {layer} of {taken.encoder.source} has values beyond half precision: keep it whole."
                )
            np.save(folder / f"{name}_{number:02}.npy", rows)
    for name in SEEN:
        np.save(folder / f"{name}.npy", getattr(taken, name))
    _save_items(taken.words, taken.counts, taken.use_items, folder)
    about = {name: getattr(taken, name) for name in ("id", "plan_id", "fingerprint", "precision")}
    about |= {"encoder": asdict(taken.encoder), "layers": [asdict(taken.layers[layer]) for layer in layers]}
    write_json(folder / "vectors.json", about | {"plan": dict(taken.plan_facts)})


def open_vectors(folder: Path) -> Vectors:
    """What `keep_vectors` kept, as float32 in memory. Raises StoreError when it is missing or damaged."""
    about = read_json(folder, "vectors.json")

    def load(name: str) -> np.ndarray:
        return freeze(np.load(open_verified(folder, f"{name}.npy"), allow_pickle=False))

    def each(name: str) -> tuple[np.ndarray, ...]:
        return tuple(freeze(load(f"{name}_{number:02}").astype(np.float32)) for number in range(len(about["layers"])))

    try:
        return Vectors(
            **_facts(about, folder),
            word_means=each("word_means"),
            uses=each("uses"),
            texts=each("texts"),
            seen_words=load("seen_words"),
            seen_uses=load("seen_uses"),
            seen_texts=load("seen_texts"),
            half=True,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The vectors {folder.name} are not of a kind this version reads. Make them again.") from error


# -- what both keep --------------------------------------------------------------------------------------------------


def _facts(about: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """All of `Vectors` but the arrays of vectors and what was seen, from what is said of them and their items."""
    words, counts, uses = _open_items(folder)
    return {name: about[name] for name in ("id", "plan_id", "fingerprint", "precision")} | {
        "encoder": EncoderSpec(**about["encoder"]),
        "layers": tuple(LayerInfo(**layer) for layer in about["layers"]),
        "words": words,
        "counts": counts,
        "use_items": uses,
        "plan_facts": about["plan"],
    }


def _save_items(
    words: Sequence[str], counts: Int64[np.ndarray, "word"], uses: Sequence[Occurrence], folder: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"word": pa.array(words, pa.string()), "count": counts}), folder / "words.parquet")
    names = ("text", "start", "end", "sense", "word", "row")
    kinds = (pa.string(), pa.int64(), pa.int64(), pa.string(), pa.string(), pa.int64())
    columns = {n: pa.array([getattr(use, n) for use in uses], kind) for n, kind in zip(names, kinds, strict=True)}
    pq.write_table(pa.table(columns), folder / "uses.parquet", compression="zstd")


def _open_items(folder: Path) -> tuple[tuple[str, ...], Int64[np.ndarray, "word"], tuple[Occurrence, ...]]:
    import pyarrow.parquet as pq

    words = pq.read_table(open_verified(folder, "words.parquet"))
    uses = pq.read_table(open_verified(folder, "uses.parquet")).to_pylist()
    counts = freeze(np.array(words["count"], dtype=np.int64))
    return tuple(words["word"].to_pylist()), counts, tuple(Occurrence(**use) for use in uses)
