"""What each command does: one call of the Lab, and what is said of it."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embedlab.cli.printing import Printer
from embedlab.cli.summaries import coverage_lines, expected, reading_lines, summary
from embedlab.comparing.sides import LayerChoice
from embedlab.corpus import Columns
from embedlab.errors import UserError
from embedlab.lab import EmbedWhat, Lab
from embedlab.lab.base import Progress, part
from embedlab.types import Comparison, Run
from embedlab.wording import number

COLUMNS = ("text", "label", "pair", "negative", "score", "target", "start", "end", "token-index", "sense", "split")


def corpus_add(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    chosen = {name.replace("-", "_"): getattr(options, name.replace("-", "_")) for name in COLUMNS}
    columns = Columns(**chosen) if any(chosen.values()) else None
    added = lab.add_corpus(options.file, columns, options.name)
    show.done(
        {
            "id": added.id,
            "name": added.name,
            "rows_in": added.rows_in,
            "rows_kept": added.kept,
            "rows_refused": len(added.refused),
            "encoding": added.encoding,
            "refused": [asdict(refusal) for refusal in added.refused],
        },
        f"{added.name}: {added.kept} of {added.rows_in} rows kept ({added.encoding})",
        *(f"  row {refusal.row} refused: {refusal.reason}" for refusal in added.refused[:20]),
        *([f"  ... and {len(added.refused) - 20} more"] if len(added.refused) > 20 else []),
        f"corpus {added.id}",
    )


def corpus_list(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    entries = lab.corpora()
    show.done(
        [{"id": e.id, "name": e.name, "created": e.created, **e.summary} for e in entries],
        *(f"{e.id[:12]}  {e.summary['rows']:>7} rows  {e.name}" for e in entries),
        *([] if entries else ["No corpus yet: python -m embedlab corpus add FILE"]),
    )


def corpus_show(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    entry = lab.find_corpus(options.id)
    lines = lab.concordance(entry.id, options.word) if options.word else []
    refused = lab.refusals(entry.id)
    value = {"id": entry.id, "name": entry.name, "created": entry.created, **entry.summary}
    value["refusals"] = [asdict(refusal) for refusal in refused]
    if options.word:
        value["concordance"] = [asdict(line) for line in lines]
    show.done(
        value,
        f"{entry.name}  ({entry.id})",
        *(f"  {key}: {item}" for key, item in entry.summary.items() if not isinstance(item, (list, dict))),
        *(f"  row {refusal.row} refused: {refusal.reason}" for refusal in refused[:20]),
        *(f"{line.left:>40} [{line.surface}] {line.right}" for line in lines),
    )


def models_list(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    models = lab.models()
    show.done([asdict(m) for m in models], *(f"{m.source:<20} {m.name}  {m.layers} layers x {m.dim}" for m in models))


def models_show(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    info = asdict(lab.model(options.spec))
    show.done(info, *(f"{key:>14}: {value}" for key, value in info.items()))


def models_new(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    sizes = dict(_size(text) for text in options.set or ())
    source = lab.new_model(options.kind, options.corpus, vectors=options.vectors, seed=options.seed, **sizes)
    show.done({"source": source}, source)


def models_bring(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    source = lab.bring_model(
        options.kind, options.weights, options=options.options, words=options.words, vectors=options.vectors,
        corpus_id=options.corpus,
    )  # fmt: skip
    show.done({"source": source}, source)


def _size(text: str) -> tuple[str, int | float]:
    """name=number. Raises UserError."""
    name, _, value = text.partition("=")
    try:
        return name, float(value) if "." in value or "e" in value else int(value)
    except ValueError as error:
        raise UserError(f"--set {text} is no size: write a name and a number, such as hidden_size=200.") from error


def embed(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    what: EmbedWhat = options.what or "texts"
    snapshot = lab.embed(
        options.model, options.corpus, what, word=options.word, layers=_layers(options.layers), out=options.out,
        precision=options.precision, cache=not options.no_cache, progress=show.progress,
    )  # fmt: skip
    names = list(snapshot.layer_names)
    show.done(
        {
            "out": str(options.out),
            "items": len(snapshot.occurrences),
            "layers": names,
            "fingerprint": snapshot.fingerprint,
        },
        f"{len(snapshot.occurrences)} items, {len(names)} layers in {options.out}",
    )


LORA = ("rank", "alpha", "targets")
SETTINGS = (
    "plan", "layers", "schedule", "steps", "rate", "seed", "on_alarm", "precision", "batch_tokens", "batch_items",
    "accumulate", "chunk_tokens", "longest", "eval_every", "patience", "frames", "temperature", "weight_decay",
    "warmup", "max_grad_norm", "isotropy", "mask_share",
)  # fmt: skip


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """What was said of the run; what was not is left to the recipe and the defaults."""
    settings = {name: value for name in SETTINGS if (value := getattr(options, name)) is not None}
    lora = {name: value for name in LORA if (value := getattr(options, f"lora_{name}")) is not None}
    if "targets" in lora:
        lora["targets"] = tuple(part.strip() for part in lora["targets"].split(",") if part.strip())
    return settings | ({"lora": lora} if lora else {})


def finetune(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    canary = "" if options.canary == "none" else options.canary
    config = lab.run_config(
        options.model, options.corpus, options.objective, recipe=options.recipe, canary=canary, **_settings(options)
    )
    if options.seeds < 1 or options.processes < 1:
        raise UserError("--seeds and --processes are 1 or more.")
    if options.estimate:
        cost = lab.measure_cost(config)
        show.done(cost, *(f"{key:>14}: {number(value) if value is not None else '-'}" for key, value in cost.items()))
        return
    if options.seeds == 1:
        id = lab.finetune(config, processes=options.processes, report_to=options.report_to)
        _show_run(lab, lab.wait(id, show.progress), show)
        return
    runs = lab.finetune_seeds(config, options.seeds, show.progress)
    first = runs[0]
    show.done(
        _of_run(lab, first) | {"runs": [run.id for run in runs]},
        *(f"run {run.id}: seed {run.config.seed}, {_scores(run)}" for run in runs),
        f"use the first as run:{first.id}; a comparison takes its noise floor from the others",
    )


def shootout(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    if options.seeds < 1:
        raise UserError("--seeds is 1 or more.")
    configs = [lab.run_config(options.model, options.corpus, recipe=recipe) for recipe in options.recipe]
    shots = lab.shootout(configs, options.seeds, show.progress)
    show.done(
        [asdict(shot) for shot in shots],
        *(
            f"run {shot.run_id}  gain {number(shot.gain)}  collateral {number(shot.collateral)}  {shot.seconds:.0f} s  "
            f"seed {shot.seed}  {shot.recipe}"
            for shot in shots
        ),
    )


def take_away(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    lab.take_away(
        options.source, options.format, options.out, corpus_id=options.corpus, layer=options.layer,
        progress=show.progress,
    )  # fmt: skip
    show.done(
        {"out": str(options.out), "format": options.format}, f"{options.source} as {options.format}: {options.out}"
    )


def _of_run(lab: Lab, run: Run) -> dict[str, Any]:
    return {
        "id": run.id, "state": run.state, "step": run.step, "loss": run.loss, "score_name": run.score_name,
        "score_before": run.score_before, "score_after": run.score, "elapsed_s": run.elapsed_s, "message": run.message,
        "checkpoint": str(lab.run_folder(run.id)) if run.state == "done" else None,
    }  # fmt: skip


def _scores(run: Run) -> str:
    if not run.score_name:
        return "no held-out score"
    return f"held-out {run.score_name} {number(run.score_before)} -> {number(run.score)}"


def _show_run(lab: Lab, run: Run, show: Printer) -> None:
    if run.state in ("failed", "cancelled", "paused"):
        raise UserError(f"Run {run.id} {run.state} at step {run.step}: {run.message} Go on with: runs resume {run.id}")
    show.done(
        _of_run(lab, run), f"run {run.id}: {run.state} at step {run.step}, {_scores(run)}", f"use it as run:{run.id}"
    )


def compare(lab: Lab, options: argparse.Namespace, show: Printer) -> int:
    """Exit code 1 when something was expected of a comparison and does not hold after."""
    if options.out is not None and len(options.after) > 1:
        raise UserError("--out is for one comparison: give one --after, or leave it out and use report.")
    found = []
    for i, after in enumerate(options.after):
        progress = part(show.progress, i / len(options.after), (i + 1) / len(options.after))
        if options.corpus is None:
            found.append(_compare_files(lab, after, options, progress))
            continue
        found.append(
            lab.compare(
                options.before, after, options.corpus, words=options.word, layers=_layer_pairs(options.layers),
                k=options.k, min_count=options.min_count, seed=options.seed, precision=options.precision,
                replicates=_sources(options.replicates), expect=options.expect, cache=not options.no_cache,
                progress=progress,
            )
        )  # fmt: skip
    if options.out is not None:
        lab.export(found[-1].id, options.out)
    values = [_of_comparison(made, options.out) for made in found]
    several = {"comparisons": values[:-1]} if len(values) > 1 else {}
    show.done(values[-1] | several, *(line for made in found for line in (*summary(made), *expected(made))))
    return 1 if any(value["failed"] for value in values) else 0


def _of_comparison(made: Comparison, out: Path | None) -> dict[str, Any]:
    failed = [one.statement for one in made.expectations if not one.after]
    return {"id": made.id, "out": str(out) if out else None, "failed": failed}


def _compare_files(lab: Lab, after: str, options: argparse.Namespace, progress: Progress) -> Comparison:
    """Without a corpus: two files of vectors, on the items they share."""
    for flag in ("word", "layers", "replicates"):
        if getattr(options, flag):
            raise UserError(f"--{flag} needs texts: give --corpus, or leave it out to compare two files of vectors.")
    for source in (options.before, after):
        if not Path(source).exists():
            raise UserError(f"{source} is no file or folder of vectors: give --corpus to compare two models.")
    return lab.compare_files(
        Path(options.before), Path(after), k=options.k, seed=options.seed, expect=options.expect,
        cache=not options.no_cache, progress=progress,
    )  # fmt: skip


def measure(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    value = lab.measure(
        options.before, options.after, options.labels, texts=options.texts, layer=options.layer, k=options.k,
        raw_norm=options.raw_norm, seed=options.seed,
    )  # fmt: skip
    show.done(
        value,
        f"{value['n']} rows, {value['dim']} dimensions, k {value['k']}",
        *coverage_lines(value),
        *reading_lines(value["readings"]),
    )


def runs_list(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    runs = lab.runs()
    show.done(
        [
            {"id": r.id, "state": r.state, "step": r.step, "score_before": r.score_before, "score_after": r.score}
            for r in runs
        ],
        *(f"{r.id}  {r.state:<9} step {r.step:>6}/{r.config.max_steps}  {r.created}" for r in runs),
        *([] if runs else ["No run yet: python -m embedlab finetune --model builtin --corpus ID --objective senses"]),
    )


def runs_show(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    run = lab.run(options.id)
    frames = lab.frames(run.id)
    value = {key: item for key, item in asdict(run).items() if key != "config"}
    show.done(
        value | {"config": lab.config_of(run.id), "frames": [asdict(frame) for frame in frames]},
        *(f"{key:>14}: {item}" for key, item in value.items()),
        *(
            f"  run:{run.id}@{frame.step}  score {number(frame.score)}{'  (kept)' if frame.kept else ''}"
            for frame in frames
        ),
        "recipe:",
        *(f"  {line}" for line in lab.recipe_text(run.config).splitlines()),
    )


def runs_pause(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    lab.pause(options.id)
    show.done({"id": options.id, "asked": "pause"}, f"{options.id} saves and stops after its current step.")


def runs_delete(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    lab.delete_run(options.id)
    show.done({"id": options.id, "deleted": True}, f"{options.id} is deleted.")


def runs_cancel(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    lab.cancel(options.id)
    show.done(
        {"id": options.id, "asked": "cancel"}, f"{options.id} stops after its current step; its checkpoint stays."
    )


def runs_resume(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    lab.resume(options.id)
    _show_run(lab, lab.wait(options.id, show.progress), show)


def anatomy(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    seen = lab.inside(options.model, options.text)
    pieces = [
        {"piece": one.name, "id": one.id, "start": one.start, "end": one.end, "near": [asdict(n) for n in near]}
        for one, near in zip(seen.pieces, seen.near or ((),) * len(seen.pieces), strict=True)
    ]
    lines = [
        f"{one['piece']:<14}{one['id']:>8}  {', '.join(n['name'] for n in one['near'])}"  # type: ignore[attr-defined]
        for one in pieces
    ]
    both = None
    if options.second is not None:
        if options.word is None:
            raise UserError("--second needs --word: the word that both sentences hold.")
        both = lab.same_word(options.model, options.text, options.second, options.word)
        lines.append(f"“{both.word}” in both sentences, cosine by layer (and of any other two words):")
        for layer, cosine, others in zip(both.layers, both.cosine, both.others, strict=True):
            lines.append(
                f"  {layer.name:<14}" + "".join(f"{'' if n is None else format(n, '.3f'):>8}" for n in (cosine, others))
            )
    show.done({"pieces": pieces, "same_word": None if both is None else asdict(both)}, *lines)


def lineage(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    sentences = (options.first, options.second)
    walk = lab.lineage(
        options.corpus, options.word, sentences, systems=options.system, seed=options.seed, progress=show.progress
    )
    head = ("", "same", "self-sim.", "mean cos.", "senses F1", "score", f"nearest to {walk.word}")
    lines = [f"{head[0]:<34}" + "".join(f"{name:>10}" for name in head[1:6]) + f"  {head[6]}"]
    for stop in walk.stops:
        lines.append(f"{stop.title}: {stop.parameters:,} numbers, {stop.seconds:.0f} s. {stop.note}")
        for state, look in (
            ("untrained" if stop.name != "bert" else "as it comes", stop.before),
            ("trained", stop.after),
        ):
            if look is not None:
                cells = (look.same, look.self_similarity, look.mean_cosine, look.separability, look.score)
                numbers = "".join(f"{'' if cell is None else format(cell, '.3f'):>10}" for cell in cells)
                lines.append(f"  {state:<32}{numbers}  {', '.join(look.neighbours)}")
    show.done(asdict(walk), *lines)


def demo(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    made = lab.make_demo(options.out, ship=options.ship, progress=show.progress)
    show.done(
        {"comparison": made.comparison_id, "run": made.run_id, "out": str(options.out), "report": str(made.report)},
        *summary(lab.comparison(made.comparison_id)),
        f"report: {made.report}",
    )


def _layers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise UserError(f"--layers takes numbers with commas between, such as 0,3,6, not {text!r}.") from None


def _layer_pairs(text: str | None) -> list[LayerChoice] | None:
    """0,3,6, or layers of unlike models side by side: 0:0,2:6 (before:after)."""
    if text is None or ":" not in text:
        return [*(_layers(text) or ())] or None
    try:
        pairs = [tuple(int(end) for end in part.split(":")) for part in text.split(",")]
        return [(before, after) for before, after in pairs]
    except ValueError:
        raise UserError(f"--layers takes before:after with commas between, such as 0:0,2:6, not {text!r}.") from None


def _sources(text: str | None) -> list[str] | None:
    """--replicates: nothing given is found out, "none" is none."""
    if text is None:
        return None
    return [] if text == "none" else [part.strip() for part in text.split(",") if part.strip()]
