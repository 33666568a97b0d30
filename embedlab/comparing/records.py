"""A comparison as plain values and back: comparison.json, the contract of design.md, with the names of metrics.md.

Arrays and texts lie beside it in tables (embedlab.comparing.files).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from embedlab.comparing.readings import READINGS
from embedlab.types import (
    Answer,
    Collateral,
    Comparison,
    EncoderSpec,
    Expectation,
    LayerReadings,
    NoiseFloor,
    Provenance,
    Reading,
    Uses,
    Verdict,
    WordTable,
)

FORMAT = 3


def to_json(comparison: Comparison) -> dict[str, Any]:
    """comparison.json; no NaN in it."""
    noise = comparison.noise
    return {
        "format": FORMAT,
        "id": comparison.id,
        "before": asdict(comparison.before),
        "after": asdict(comparison.after),
        "layers": [_layer(layer) for layer in comparison.layers],
        "senses": {word: [_layer(layer) for layer in layers] for word, layers in comparison.sense_readings.items()},
        "word_p": {word: list(layers) for word, layers in comparison.word_p.items()},
        "noise": {"kind": noise.kind, "line": noise.line, "replicates": [asdict(spec) for spec in noise.replicates]},
        "verdict": _verdict(comparison.verdict),
        "expectations": [asdict(expectation) for expectation in comparison.expectations],
        "provenance": asdict(comparison.provenance),
        "words": {"count": len(comparison.words.words), "k": comparison.words.k},
        "readings": {
            name: {"title": info.title, "meaning": info.meaning, "better": info.better, "source": info.source}
            for name, info in READINGS.items()
        },
    }


def from_json(
    about: Mapping[str, Any], words: WordTable, uses: Uses, won: tuple[Answer, ...], lost: tuple[Answer, ...]
) -> Comparison:
    """The comparison that `to_json` told, with its tables. Raises KeyError, TypeError or ValueError."""
    noise = about["noise"]
    return Comparison(
        id=about["id"],
        before=EncoderSpec(**about["before"]),
        after=EncoderSpec(**about["after"]),
        layers=_read_layers(about["layers"]),
        words=words,
        uses=uses,
        sense_readings={word: _read_layers(rows) for word, rows in about["senses"].items()},
        verdict=_read_verdict(about["verdict"], won, lost),
        provenance=Provenance(**about["provenance"]),
        noise=NoiseFloor(noise["kind"], noise["line"], tuple(EncoderSpec(**spec) for spec in noise["replicates"])),
        word_p={word: tuple(layers) for word, layers in about["word_p"].items()},
        expectations=tuple(Expectation(**expectation) for expectation in about["expectations"]),
    )


# -- readings --------------------------------------------------------------------------------------------------------


def _layer(layer: LayerReadings) -> dict[str, Any]:
    return {"name": layer.name, "readings": {name: _reading(reading) for name, reading in layer.readings.items()}}


def _reading(reading: Reading) -> dict[str, Any]:
    info = READINGS.get(reading.name)
    of_pair = info.of_pair if info is not None else reading.value is not None
    value: dict[str, Any] = {"value": reading.value} if of_pair else {"before": reading.before, "after": reading.after}
    value["interval"] = None if reading.interval is None else list(reading.interval)
    value["noise"] = reading.noise
    some = {"p": reading.p, "note": reading.note}
    return value | {name: given for name, given in some.items() if given is not None}


def _read_layers(layers: Iterable[Mapping[str, Any]]) -> tuple[LayerReadings, ...]:
    return tuple(
        LayerReadings(layer["name"], {name: _read_reading(name, value) for name, value in layer["readings"].items()})
        for layer in layers
    )


def _read_reading(name: str, value: Mapping[str, Any]) -> Reading:
    interval = value.get("interval")
    low_high = None if interval is None else (float(interval[0]), float(interval[1]))
    numbers = {key: value.get(key) for key in ("before", "after", "value", "noise", "p", "note")}
    return Reading(name, interval=low_high, **numbers)


# -- the verdict -----------------------------------------------------------------------------------------------------


def _verdict(verdict: Verdict) -> dict[str, Any]:
    """Its answers lie in answers.parquet; here is how many."""
    return {
        "task": verdict.task,
        "task_line": verdict.task_line,
        "space": verdict.space_line,
        "why": list(verdict.why),
        "scores": [{"name": score.name, **_reading(score)} for score in verdict.scores],
        "wins": len(verdict.won),
        "losses": len(verdict.lost),
        "findings": list(verdict.findings),
        "collateral": [
            {
                "region": one.region,
                "texts": one.texts,
                "drift": {"name": one.drift.name, **_reading(one.drift)},
                "kept": {"name": one.kept.name, **_reading(one.kept)},
            }
            for one in verdict.collateral
        ],
    }


def _read_verdict(about: Mapping[str, Any], won: tuple[Answer, ...], lost: tuple[Answer, ...]) -> Verdict:
    return Verdict(
        about["task"],
        about["task_line"],
        about["space"],
        tuple(about["why"]),
        scores=tuple(_read_reading(score["name"], score) for score in about["scores"]),
        won=won,
        lost=lost,
        findings=tuple(about["findings"]),
        collateral=tuple(
            Collateral(
                one["region"],
                one["texts"],
                *(_read_reading(one[field]["name"], one[field]) for field in ("drift", "kept")),
            )
            for one in about["collateral"]
        ),
    )
