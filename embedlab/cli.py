"""The command line: the same lab without a screen, with the same names as the methods of Lab.

Standard output carries the result (with --json: one JSON value and nothing else), standard error the progress.
Exit code 0 only when it did what was asked; 2 with one sentence for bad input; 130 when interrupted.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embedlab.corpus import Columns
from embedlab.errors import UserError
from embedlab.jobfolder import JobFolder
from embedlab.lab import EmbedWhat, Lab
from embedlab.types import Comparison, Run, RunState
from embedlab.wording import difference, number

COLUMNS = ("text", "label", "pair", "target", "start", "end", "token-index", "sense", "split")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = parser().parse_args(arguments)
    show = Printer(options.json)
    try:
        if options.job is not None:
            return _as_job(options, JobFolder(Path(options.job)))
        options.run(Lab(options.workspace), options, show)
    except UserError as error:
        print(f"embedlab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("embedlab: interrupted; what was finished is kept.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    return 0


class Printer:
    """Where a command's result and progress go."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.result: Any = None
        self._last = ""

    def progress(self, share: float, what: str) -> None:
        line = f"{share:4.0%} {what}"
        if line != self._last:
            end = "" if sys.stderr.isatty() else "\n"
            print(f"\r\033[K{line}" if sys.stderr.isatty() else line, end=end, file=sys.stderr, flush=True)
            self._last = line

    def done(self, value: Any, *lines: str) -> None:
        """The result: as JSON, or as lines for a person."""
        self.result = value
        if self._last and sys.stderr.isatty():
            print(file=sys.stderr)
        if self.as_json:
            print(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))
        else:
            print("\n".join(lines))


class JobPrinter(Printer):
    """The same command as a detached job of the pages: progress as events, the result in the job's end."""

    def __init__(self, job: JobFolder) -> None:
        super().__init__(as_json=True)
        self.job = job

    def progress(self, share: float, what: str) -> None:
        self.job.emit(type="progress", share=share, what=what)
        if self.job.cancel_asked():
            raise Cancelled("Cancelled. Nothing was changed.")

    def done(self, value: Any, *lines: str) -> None:
        self.result = value


class Cancelled(UserError):
    """The person asked the job to stop."""


def _as_job(options: argparse.Namespace, job: JobFolder) -> int:
    show = JobPrinter(job)

    def work() -> tuple[RunState, str, dict[str, Any]]:
        try:
            options.run(Lab(options.workspace), options, show)
        except Cancelled as cancelled:
            return "cancelled", str(cancelled), {}
        return "done", "", show.result

    return 0 if job.run(work) == "done" else 2


# --- the commands -----------------------------------------------------------------------------------------------------


def _corpus_add(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
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


def _corpus_list(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    entries = lab.corpora()
    show.done(
        [{"id": e.id, "name": e.name, "created": e.created, **e.summary} for e in entries],
        *(f"{e.id[:12]}  {e.summary['rows']:>7} rows  {e.name}" for e in entries),
        *([] if entries else ["No corpus yet: python -m embedlab corpus add FILE"]),
    )


def _corpus_show(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
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


def _models_list(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    models = lab.models()
    show.done([asdict(m) for m in models], *(f"{m.source:<20} {m.name}  {m.layers} layers x {m.dim}" for m in models))


def _models_show(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    info = asdict(lab.model(options.spec))
    show.done(info, *(f"{key:>14}: {value}" for key, value in info.items()))


def _embed(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
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


def _finetune(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    config = lab.run_config(
        options.model, options.corpus, options.objective, plan=options.plan, recipe=options.recipe, steps=options.steps,
        rate=options.rate, seed=options.seed, batch_tokens=options.batch_tokens, eval_every=options.eval_every,
        precision=options.precision,
    )  # fmt: skip
    run = lab.wait(lab.finetune(config), show.progress)
    _show_run(lab, run, show)


def _show_run(lab: Lab, run: Run, show: Printer) -> None:
    value = {
        "id": run.id, "state": run.state, "step": run.step, "loss": run.loss, "score_name": run.score_name,
        "score_before": run.score_before, "score_after": run.score, "elapsed_s": run.elapsed_s, "message": run.message,
        "checkpoint": str(lab.run_folder(run.id)) if run.state == "done" else None,
    }  # fmt: skip
    if run.state in ("failed", "cancelled"):
        raise UserError(f"Run {run.id} {run.state} at step {run.step}: {run.message} Go on with: runs resume {run.id}")
    score = f"held-out {run.score_name} {number(run.score_before)} -> {number(run.score)}" if run.score_name else ""
    show.done(value, f"run {run.id}: {run.state} at step {run.step}, {score}", f"use it as run:{run.id}")


def _compare(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    comparison = lab.compare(
        options.before, options.after, options.corpus, words=options.word, layers=_layers(options.layers), k=options.k,
        min_count=options.min_count, seed=options.seed, precision=options.precision, cache=not options.no_cache,
        progress=show.progress,
    )  # fmt: skip
    if options.out is not None:
        lab.export(comparison.id, options.out)
    show.done({"id": comparison.id, "out": str(options.out) if options.out else None}, *_summary(comparison))


def _summary(comparison: Comparison) -> list[str]:
    """What a person reads first: the verdict, the last layer, the words that moved most."""
    last = comparison.layers[-1]
    lines = [
        f"{comparison.verdict.task}: {comparison.verdict.task_line}",
        comparison.verdict.space_line,
        f"{last.name}:",
    ]
    for reading in last.readings.values():
        if reading.value is not None:
            lines.append(f"  {reading.name:<32} {number(reading.value)}")
        elif reading.before is not None and reading.after is not None:
            change = difference(reading.after - reading.before, reading.interval)
            lines.append(f"  {reading.name:<32} {number(reading.before)} -> {number(reading.after)}  {change}")
    table = comparison.words
    order = table.change[-1].argsort(kind="stable")[::-1][:10]
    lines.append(
        "most changed words: " + ", ".join(f"{table.words[i]} {number(float(table.change[-1][i]))}" for i in order)
    )
    return lines


def _measure(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    from embedlab.vectors import measure_vectors

    value = measure_vectors(
        options.before, options.after, options.labels, k=options.k, raw_norm=options.raw_norm, seed=options.seed
    )
    show.done(
        value, f"{value['n']} rows, {value['dim']} dimensions, k {value['k']}", *_reading_lines(value["readings"])
    )


def _reading_lines(readings: dict[str, Any]) -> list[str]:
    lines = []
    for name, reading in readings.items():
        shown = [
            f"{key} {number(reading[key])}" for key in ("before", "after", "value") if reading.get(key) is not None
        ]
        lines.append(f"  {name:<32} {'  '.join(shown) or 'undefined'}  {reading.get('note') or ''}".rstrip())
    return lines


def _report(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    lab.write_report(options.comparison, options.format, options.out)
    show.done({"out": str(options.out), "format": options.format}, f"{options.format} report in {options.out}")


def _runs_list(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    runs = lab.runs()
    show.done(
        [
            {"id": r.id, "state": r.state, "step": r.step, "score_before": r.score_before, "score_after": r.score}
            for r in runs
        ],
        *(f"{r.id}  {r.state:<9} step {r.step:>6}/{r.config.max_steps}  {r.created}" for r in runs),
        *([] if runs else ["No run yet: python -m embedlab finetune --model builtin --corpus ID --objective senses"]),
    )


def _runs_show(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    run = lab.run(options.id)
    value = {key: item for key, item in asdict(run).items() if key != "config"} | {"config": lab.config_of(run.id)}
    show.done(value, *(f"{key:>14}: {item}" for key, item in value.items() if key != "config"))


def _runs_cancel(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    lab.cancel(options.id)
    show.done(
        {"id": options.id, "asked": "cancel"}, f"{options.id} stops after its current step; its checkpoint stays."
    )


def _runs_resume(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    lab.resume(options.id)
    _show_run(lab, lab.wait(options.id, show.progress), show)


def _demo(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    made = lab.make_demo(options.out, ship=options.ship, progress=show.progress)
    show.done(
        {"comparison": made.comparison_id, "run": made.run_id, "out": str(options.out), "report": str(made.report)},
        *_summary(lab.comparison(made.comparison_id)),
        f"report: {made.report}",
    )


def _layers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise UserError(f"--layers takes numbers with commas between, such as 0,3,6, not {text!r}.") from None


# --- the words of the command line ------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """argparse, saying what is wrong in one sentence."""

    def error(self, message: str) -> Any:
        self.exit(2, f"embedlab: {message}. See: {self.prog} --help\n")


def parser() -> Parser:
    """All commands and their options."""
    common = Parser(add_help=False)
    common.add_argument(
        "--workspace", type=Path, default=Path("workspace"), help="where everything is kept (default ./workspace)"
    )
    common.add_argument("--json", action="store_true", help="machine-readable standard output")
    common.add_argument("--job", help=argparse.SUPPRESS)  # how the pages run this same command in the background
    top = Parser(prog="embedlab", description="What does fine-tuning do to an embedding space?")
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    def command(group: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = group.add_parser(name, parents=[common], help=text, description=text)
        made.set_defaults(run=run)
        return made

    def family(name: str, text: str) -> Any:
        return commands.add_parser(name, help=text).add_subparsers(required=True, metavar="ACTION", parser_class=Parser)

    demo = command(commands, "demo", _demo, "the whole job on the bundled corpus: train, compare, report")
    demo.add_argument("--out", type=Path, default=Path("out/demo"))
    demo.add_argument(
        "--ship", action="store_true", help="for developers: also renew the results that come with EmbedLab"
    )

    corpus = family("corpus", "what was uploaded")
    add = command(
        corpus, "add", _corpus_add, "read a file (txt csv tsv jsonl parquet, gz or zip of these) into the workspace"
    )
    add.add_argument("file", type=Path)
    add.add_argument("--name")
    for column in COLUMNS:
        add.add_argument(f"--{column}", metavar="COL")
    command(corpus, "list", _corpus_list, "all corpora")
    show = command(corpus, "show", _corpus_show, "one corpus: counts, refused rows, every use of a word")
    show.add_argument("id")
    show.add_argument("--word", help="every use of this word in its context")

    models = family("models", "what can be loaded")
    command(models, "list", _models_list, "the bundled model and the finished runs")
    describe = command(models, "show", _models_show, "one model: layers, width, parameters")
    describe.add_argument("spec")

    embed = command(commands, "embed", _embed, "vectors of every layer, as files")
    embed.add_argument("--model", required=True)
    embed.add_argument("--corpus", required=True)
    what = embed.add_mutually_exclusive_group()
    what.add_argument("--word", help="every use of this word")
    for flag in ("targets", "texts", "all-words"):
        what.add_argument(f"--{flag}", dest="what", action="store_const", const=flag)
    embed.add_argument("--out", type=Path, required=True)
    _encoding_options(embed)

    tune = command(commands, "finetune", _finetune, "train a model on a corpus; resumable")
    tune.add_argument("--model", default="builtin")
    tune.add_argument("--corpus", required=True)
    tune.add_argument("--objective", required=True, choices=("labels", "pairs", "senses"))
    tune.add_argument("--plan", default="full", choices=("full", "frozen_embeddings"))
    tune.add_argument("--recipe", type=Path, help="a YAML file with stages; see the README")
    tune.add_argument("--steps", type=int)
    tune.add_argument("--rate", type=float, help="learning rate of the encoder")
    tune.add_argument("--seed", type=int, default=0)
    tune.add_argument("--batch-tokens", type=int)
    tune.add_argument("--eval-every", type=int)
    tune.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")

    compare = command(commands, "compare", _compare, "two model states on the same occurrences, every layer")
    compare.add_argument("--before", required=True, metavar="SPEC")
    compare.add_argument("--after", required=True, metavar="SPEC")
    compare.add_argument("--corpus", required=True)
    compare.add_argument("--word", action="append", help="look at all uses of this word too (may be repeated)")
    compare.add_argument("--k", type=int, default=10, help="neighbours that count as near (default 10)")
    compare.add_argument("--min-count", type=int, default=2, help="words used less often are left out (default 2)")
    compare.add_argument("--seed", type=int, default=0)
    compare.add_argument("--out", type=Path)
    _encoding_options(compare)

    measure = command(commands, "measure", _measure, "the metrics on vectors made elsewhere")
    measure.add_argument("--before", type=Path, required=True, metavar="A.npy")
    measure.add_argument("--after", type=Path, metavar="B.npy")
    measure.add_argument("--labels", type=Path, metavar="L.csv")
    measure.add_argument("--k", type=int, default=10)
    measure.add_argument("--seed", type=int, default=0)
    measure.add_argument(
        "--raw-norm",
        action="store_true",
        help="partition isotropy on vectors as they are, not divided by their mean norm",
    )

    report = command(commands, "report", _report, "a comparison as one file")
    report.add_argument("comparison")
    report.add_argument("--format", choices=("html", "json", "parquet"), default="html")
    report.add_argument("--out", type=Path, required=True)

    runs = family("runs", "trainings")
    command(runs, "list", _runs_list, "all runs")
    for name, run, text in (
        ("show", _runs_show, "one run"),
        ("cancel", _runs_cancel, "stop a run after its current step"),
        ("resume", _runs_resume, "go on where a run stopped"),
    ):
        command(runs, name, run, text).add_argument("id")
    return top


def _encoding_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--layers", help="numbers with commas between (default: all)")
    command.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    command.add_argument("--no-cache", action="store_true", help="encode anew")


__all__ = ["main", "parser"]
