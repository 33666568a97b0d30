"""The uses of one word before and after: of any word of the corpus, laid out, and along the states of the run."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from embedlab import compare as comparing
from embedlab import corpus as corpora
from embedlab import encoders, occurrences
from embedlab.comparing import mapfiles, wordview
from embedlab.comparing.sides import Pair, pair_named, rows_of
from embedlab.comparing.wordview import WordMap, WordView
from embedlab.encoders.protocol import Precision
from embedlab.errors import MeasureError, UserError
from embedlab.lab.athand import AtHand
from embedlab.lab.base import Progress, digest, part, quiet
from embedlab.lab.models import run_source
from embedlab.lab.naming import Naming, key_of
from embedlab.lab.searching import Kept, layers_named
from embedlab.store import is_sealed
from embedlab.types import Comparison, Corpus, LinkedMap, Occurrence, Reading, Snapshot

LEAST_USES = comparing.LEAST_USES
PRECISION: Precision = "fp32"
OTHERWISE = "choose a word that the comparison read"  # where no further words can be looked for


class Senses(Naming, AtHand):
    """What can be done with the uses of one word."""

    @cached_property
    def _open_comparisons(self) -> Kept[Comparison]:
        return Kept(2)

    def word_view(
        self, id: str, word: str, layer: int | None = None, *, named: bool = False, progress: Progress = quiet
    ) -> WordView:
        """Every use of a word at a layer (the last by default), with its vectors where these are at hand.

        A word that the comparison did not read use by use is looked for in the corpus and read by both models now,
        once (at most wordview.MOST_USES uses, a seeded sample). `named`: the senses are those a person gave, and the
        separation is read of them. Raises UserError: no such word, or its models are not here.
        """
        comparison = self._sense_comparison(id)
        layer = self._sense_layer(comparison, layer)
        asked = " ".join(word.split())
        marked = next((one for one in self.marked_words(id) if one.lower() == asked.lower()), None)
        if marked is not None:
            view = wordview.of_comparison(comparison, marked, layer, self._kept_pair(comparison, marked, layer))
        else:
            view = self._found_view(comparison, asked, layer, progress)
        if named:
            given = self.given_names(comparison.provenance.corpus_id, view)
            view = wordview.with_senses(view, given, comparison.provenance.seed)
        progress(1.0, "read")
        return view

    def marked_words(self, id: str) -> list[str]:
        """The words whose uses the comparison read one by one, in the order of the corpus."""
        uses = self._sense_comparison(id).uses.occurrences
        return list(dict.fromkeys(use.word for use in uses if use.word is not None))

    def given_names(self, corpus_id: str, view: WordView) -> tuple[str | None, ...]:
        """The name that a person gave each use of a view; None where none was given."""
        of_use = {key: one.name for one in self.named_senses(corpus_id, view.word) for key in one.uses}
        return tuple(None if use.row is None else of_use.get(key_of(use)) for use in view.uses)

    def word_map(
        self, id: str, view: WordView, *, steps: Sequence[int] = (), progress: Progress = quiet
    ) -> WordMap | None:
        """The linked map of a view: the one kept with the comparison, or laid out now and kept.

        `steps`: states of the run between before and after (see `steps_between`), in the same layout; they are read
        by their models, once. None where the word has too few uses, its vectors are gone, or all are alike. Raises
        UserError for a state that is not there.
        """
        comparison = self._sense_comparison(id)
        kept = None if steps or not view.marked else self._kept_map(comparison, view)
        if kept is not None:
            made = wordview.from_kept(view, kept)
        else:
            if view.pair is None or len(view.uses) < LEAST_USES:
                return None
            try:
                made = self._laid_out(comparison, view, steps, progress)
            except MeasureError:
                return None
        progress(1.0, "laid out")
        return wordview.with_truth(view, made, comparison.provenance.seed)

    def word_steps(
        self, id: str, view: WordView, steps: Sequence[int] | None = None, *, progress: Progress = quiet
    ) -> tuple[tuple[int, Mapping[str, Reading]], ...]:
        """(step, readings of the senses) at the states of the run between before and after, all that are kept by
        default: before against each, as the readings of the view are before against after.

        The states are read by their models, once. Raises UserError: the vectors of the view are not here, a step that
        is not there.
        """
        comparison = self._sense_comparison(id)
        wanted = self.steps_between(id) if steps is None else tuple(steps)
        if view.pair is None:
            raise self.no_vectors(comparison, view.layer)
        return wordview.along(view, self._states(comparison, view, wanted, progress), comparison.provenance.seed)

    def steps_between(self, id: str) -> tuple[int, ...]:
        """The steps of the run behind `after` that lie between before and after and are still here; () without one.

        The start is left out where it is `before` itself.
        """
        comparison = self._sense_comparison(id)
        named = run_source(comparison.after.source)
        if named is None:
            return ()
        try:
            run, frames = self.run(named.run), self.frames(named.run)
        except UserError:
            return ()
        kept = next((frame.step for frame in frames if frame.kept), None)
        end = kept if named.step is None else named.step
        begun = run_source(comparison.before.source)
        same_run = begun is not None and begun.step is not None and run.id.startswith(begun.run)
        first = begun.step if same_run and begun is not None and begun.step is not None else -1
        if comparison.before.source == run.config.encoder.source:
            first = 0
        return tuple(sorted(frame.step for frame in frames if end is not None and first < frame.step < end))

    def can_read(self, id: str) -> bool:
        """Whether both models of a comparison are here, so that further words can be read."""
        comparison = self._sense_comparison(id)
        try:
            for spec in (comparison.before, comparison.after):
                self.model(spec.source)
            self.find_corpus(comparison.provenance.corpus_id)
        except UserError:
            return False
        return True

    def has_uses(self, id: str, word: str) -> bool:
        """Whether the uses of a word that the comparison did not read itself have been read by both models before."""
        comparison = self._sense_comparison(id)
        try:
            corpus = self.corpus(comparison.provenance.corpus_id)
            items = wordview.sampled(occurrences.uses_of(corpus, word), comparison.provenance.seed)
        except UserError:
            return False
        p = comparison.provenance
        return all(
            is_sealed(self._uses_folder(fingerprint, corpus, items))
            for fingerprint in (p.before_fingerprint, p.after_fingerprint)
        )

    # ---- where the vectors come from ----------------------------------------------------------------------------

    def _sense_comparison(self, id: str) -> Comparison:
        id = self.store.find("comparisons", id).id
        return self._open_comparisons.get(id, lambda: self.comparison(id))

    def _sense_layer(self, comparison: Comparison, layer: int | None) -> int:
        last = len(comparison.layers) - 1
        if layer is not None and not 0 <= layer <= last:
            raise UserError(f"There is no layer {layer}: this comparison has the layers 0 to {last}.")
        return last if layer is None else layer

    def _kept_pair(self, comparison: Comparison, word: str, layer: int) -> Pair | None:
        """The vectors of a marked word as the comparison left them; None where they did not come along."""
        both = self.vectors_of(comparison, layer)
        if both is None:
            return None
        old, new = both
        layers = pair_named(old, new, comparison.layers[layer].name)
        place = {use: i for i, use in enumerate(old.use_items)}
        rows = np.array([place[comparison.uses.occurrences[row]] for row in comparison.uses.of(word)])
        return rows_of(old, new, "uses", layers, rows)

    def _found_view(self, comparison: Comparison, word: str, layer: int, progress: Progress) -> WordView:
        corpus = self.corpus_of(comparison, OTHERWISE)
        found = occurrences.uses_of(corpus, word)
        items = wordview.sampled(found, comparison.provenance.seed)
        sides = ((comparison.before, comparison.provenance.before_fingerprint),
                 (comparison.after, comparison.provenance.after_fingerprint))  # fmt: skip
        read = [
            self._read(spec.source, fingerprint, corpus, items, part(progress, number / 2, (number + 1) / 2))
            for number, (spec, fingerprint) in enumerate(sides)
        ]
        at = layers_named(comparison.layers[layer].name)
        before, after = (
            np.asarray(one.layers[one.layer_names.index(name)]) for one, name in zip(read, at, strict=True)
        )
        seen = (np.abs(before).max(axis=1) > 0) & (np.abs(after).max(axis=1) > 0)
        if not seen.any():
            raise UserError(f"Neither model can read “{word}” in this corpus: choose another word.")
        held = corpora.held_out(corpus)
        uses = [use for use, is_seen in zip(items, seen, strict=True) if is_seen]
        held_out = np.array([bool(held[use.row or 0]) for use in uses])
        return wordview.found_now(
            comparison, found[0].word or word, layer, uses, held_out, Pair(before[seen], after[seen]), len(found)
        )

    def _read(
        self, source: str, fingerprint: str, corpus: Corpus, items: Sequence[Occurrence], progress: Progress
    ) -> Snapshot:
        """The items as a model state sees them, from the store or read now. `fingerprint`: "" for a state of a run."""
        folder = self._uses_folder(fingerprint or source, corpus, items)
        key = folder.name
        if not is_sealed(folder):
            progress(0.0, f"loading {source}")
            try:
                encoder = self.encoder(source)
            except UserError as error:
                raise UserError(
                    f"The model {source} of this comparison is not here ({str(error).rstrip('.')}): choose a word that "
                    "the comparison read, or make the comparison again with models that are here."
                ) from error
            if fingerprint and encoder.fingerprint != fingerprint:
                raise UserError(
                    f"The model {source} is not the one that was compared, its weights changed since: compare again."
                )
            telling: Progress = lambda share, _what: progress(share, f"reading {len(items):,} uses with {source}")  # noqa: E731
            self.store.put(
                "snapshots", key, f"{items[0].word}, {source}", {"kind": "uses", "items": len(items)},
                lambda target: encoders.write_snapshot(encoder, items, target, precision=PRECISION, progress=telling),
                encoders.extract.bytes_needed(encoder, items),
            )  # fmt: skip
        return self._open_reads.get(key, lambda: encoders.open_snapshot(folder))

    def _uses_folder(self, model: str, corpus: Corpus, items: Sequence[Occurrence]) -> Path:
        spans = [[use.row, use.start, use.end] for use in items]
        return self.store.folder("snapshots", digest(["uses of a word", model, corpus.id, spans, PRECISION]))

    @cached_property
    def _open_reads(self) -> Kept[Snapshot]:
        return Kept(32)

    # ---- the layouts --------------------------------------------------------------------------------------------

    def _kept_map(self, comparison: Comparison, view: WordView) -> LinkedMap | None:
        return self._kept_maps(comparison).get((view.word, view.layer))

    def _kept_maps(self, comparison: Comparison) -> dict[tuple[str, int], LinkedMap]:
        folder = self.store.folder("comparisons", comparison.id)
        return self._open_maps.get(comparison.id, lambda: comparing.open_maps(folder))

    @cached_property
    def _open_maps(self) -> Kept[dict[tuple[str, int], LinkedMap]]:
        return Kept(2)

    def _laid_out(self, comparison: Comparison, view: WordView, steps: Sequence[int], progress: Progress) -> WordMap:
        """The layout of the states, kept by what it is of: senses may be renamed, the vectors are the same."""
        uses = [[use.row, use.start, use.end] for use in view.uses]
        key = digest(["word map", comparison.id, view.word, view.layer, uses, list(steps)])
        folder = self.store.folder("snapshots", key)
        if not is_sealed(folder):
            between = self._states(comparison, view, steps, part(progress, 0.0, 0.7))
            made = wordview.drawn_map(view, between, comparison.provenance.seed, part(progress, 0.7, 1.0))
            self.store.put(
                "snapshots", key, view.word, {"kind": "word map"}, lambda target: mapfiles.save_map(made, target)
            )
        return mapfiles.open_map(folder)

    def _states(
        self, comparison: Comparison, view: WordView, steps: Sequence[int], progress: Progress
    ) -> list[tuple[int, Float32[np.ndarray, "use d"]]]:
        if not steps:
            return []
        named = run_source(comparison.after.source)
        allowed = self.steps_between(comparison.id)
        if named is None or not set(steps) <= set(allowed):
            raise UserError(f"The steps between before and after are {', '.join(map(str, allowed)) or 'none'}.")
        corpus = self.corpus_of(comparison, OTHERWISE)
        run = self.run(named.run).id
        _, wanted = layers_named(comparison.layers[view.layer].name)
        found = []
        for number, step in enumerate(steps):
            tell = part(progress, number / len(steps), (number + 1) / len(steps))
            read = self._read(f"run:{run}@{step}", "", corpus, view.uses, tell)
            found.append((step, np.asarray(read.layers[read.layer_names.index(wanted)])))
        return found
