"""The vectors of a comparison that are at hand: the surveys it was made from, or what of them came with EmbedLab."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from embedlab import demo, survey
from embedlab.errors import NotShippedError, StoreError, UserError
from embedlab.lab.base import digest
from embedlab.lab.comparisons import Comparisons
from embedlab.lab.searching import Kept, layers_named
from embedlab.store import copy_sealed, is_sealed, read_json
from embedlab.survey import Vectors
from embedlab.types import Comparison, Corpus

VERSION = 1  # of the vectors that come with EmbedLab; raise it when the same survey would be kept otherwise


@dataclass(frozen=True)
class Held:
    """Which vectors of a comparison are here: those of `layers` (of its own), of `of`; `half`: in half precision."""

    layers: tuple[int, ...]
    of: int
    half: bool = False

    def __bool__(self) -> bool:
        return bool(self.layers)

    @property
    def whole(self) -> bool:
        """Whether those of every layer are here."""
        return len(self.layers) == self.of


class AtHand(Comparisons):
    """What the vectors of a comparison can be taken from."""

    @cached_property
    def shipped(self) -> str | None:
        """The id of the comparison that came with EmbedLab, made elsewhere beforehand; None where it was left out."""
        folder = demo.results_folder()
        return None if folder is None else str(read_json(folder, "comparison.json")["id"])

    def held(self, id: str) -> Held:
        """Which vectors of a comparison are in the workspace, or came with EmbedLab."""
        names = self.store.find("comparisons", id).summary["layers"]
        places, half = self._places(id)
        if not places:
            return Held((), len(names))
        kept = (read_json(place, "vectors.json" if half else "survey.json")["layers"] for place in places)
        old, new = ([layer["name"] for layer in layers] for layers in kept)
        return Held(tuple(i for i, name in enumerate(names) if _has(old, new, name)), len(names), half)

    def has_vectors(self, id: str, layer: int | None = None) -> bool:
        """Whether the vectors of both states are here, at a layer or (None) at any."""
        held = self.held(id)
        return bool(held) if layer is None else layer in held.layers

    def vectors_of(self, comparison: Comparison, layer: int) -> tuple[Vectors, Vectors] | None:
        """Those of before and after; None where they are not here, or not at this layer."""
        if layer not in self.held(comparison.id).layers:
            return None
        places, half = self._places(comparison.id)
        if half:
            places = [self._settled(place) for place in places]
        opened: Callable[[Path], Vectors] = survey.open_vectors if half else survey.open_survey
        old, new = (self._open_vectors.get(place, partial(opened, place)) for place in places)
        return old, new

    def no_vectors(self, comparison: Comparison, layer: int) -> UserError:
        """Why the vectors of a layer are not here, and what to do."""
        held = self.held(comparison.id)
        if held and layer not in held.layers:
            known = " and ".join(map(str, held.layers))
            return NotShippedError(
                f"The vectors of layer {layer} did not come with the demo, only those of layer {known}: choose layer "
                f"{known}, or make the demo here to have them all."
            )
        return UserError(
            "The vectors of this comparison are not in this workspace: make the comparison again here to have them."
        )

    def corpus_of(self, comparison: Comparison, instead: str) -> Corpus:
        """The corpus that was compared. Raises UserError where it was deleted, with what can be done `instead`."""
        try:
            return self.corpus(comparison.provenance.corpus_id)
        except StoreError as error:
            raise UserError(
                f"The corpus of this comparison is not here any more: add it again to look at its texts, or {instead}."
            ) from error

    def ship_vectors(self, id: str, layers: Sequence[int], out: Path) -> None:
        """Put what can be looked at of some layers of a comparison, in half precision, where what ships lies."""
        for survey_id in self._survey_ids(id):
            taken = survey.open_survey(self.store.folder("snapshots", survey_id))
            name = self._vectors_name(survey_id)
            self.store.remove("snapshots", name)
            source = taken.encoder.source
            fill = partial(survey.keep_vectors, taken, layers)
            folder = self.store.put("snapshots", name, f"vectors of {source}", {"kind": "vectors"}, fill)
            copy_sealed(folder, Path(out) / name)

    # ---- where they lie -----------------------------------------------------------------------------------------

    @cached_property
    def _open_vectors(self) -> Kept[Vectors]:
        return Kept(4)

    def _survey_ids(self, id: str) -> tuple[str, ...]:
        ids = tuple(self.store.find("comparisons", id).summary.get("surveys", ()))
        return ids if len(ids) == 2 else ()

    def _places(self, id: str) -> tuple[list[Path], bool]:
        """(where both states lie, whether in half precision): the surveys, else what came along; ([], False)."""
        ids = self._survey_ids(id)
        surveys = [self.store.folder("snapshots", one) for one in ids]
        if ids and all(map(is_sealed, surveys)):
            return surveys, False
        kept = [place for place in (self._snapshot(self._vectors_name(one)) for one in ids) if place is not None]
        return (kept, True) if len(kept) == 2 else ([], False)

    def _vectors_name(self, survey_id: str) -> str:
        return digest(["vectors", VERSION, survey_id])

    def _snapshot(self, name: str) -> Path | None:
        """Where a snapshot lies: in the workspace, or among what came with EmbedLab; None where it is in neither."""
        came = demo.snapshots_folder()
        places = [self.store.folder("snapshots", name), *([came / name] if came is not None else [])]
        return next((place for place in places if is_sealed(place)), None)

    def _settled(self, place: Path) -> Path:
        """A snapshot in the workspace, put there where it is still only among what came with EmbedLab.

        What is opened from there on stays, whatever a later EmbedLab comes with.
        """
        folder = self.store.folder("snapshots", place.name)
        if not is_sealed(folder):
            copy_sealed(place, folder)
            self.store.list_entry("snapshots", place.name)
        return folder


def _has(before: Sequence[str], after: Sequence[str], name: str) -> bool:
    """Whether both hold a layer of a comparison: of one name, or "one → the other"."""
    one, other = layers_named(name)
    return one in before and other in after
