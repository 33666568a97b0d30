"""The words of the command line: all commands and their options."""

import argparse
from pathlib import Path
from typing import Any

from embedlab.cli import actions


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

    demo = command(commands, "demo", actions.demo, "the whole job on the bundled corpus: train, compare, report")
    demo.add_argument("--out", type=Path, default=Path("out/demo"))
    demo.add_argument(
        "--ship", action="store_true", help="for developers: also renew the results that come with EmbedLab"
    )

    corpus = family("corpus", "what was uploaded")
    add = command(
        corpus,
        "add",
        actions.corpus_add,
        "read a file (txt csv tsv jsonl parquet, gz or zip of these) into the workspace",
    )
    add.add_argument("file", type=Path)
    add.add_argument("--name")
    for column in actions.COLUMNS:
        add.add_argument(f"--{column}", metavar="COL")
    command(corpus, "list", actions.corpus_list, "all corpora")
    show = command(corpus, "show", actions.corpus_show, "one corpus: counts, refused rows, every use of a word")
    show.add_argument("id")
    show.add_argument("--word", help="every use of this word in its context")

    models = family("models", "what can be loaded")
    command(models, "list", actions.models_list, "the bundled model and the finished runs")
    describe = command(models, "show", actions.models_show, "one model: layers, width, parameters")
    describe.add_argument("spec")

    embed = command(commands, "embed", actions.embed, "vectors of every layer, as files")
    embed.add_argument("--model", required=True)
    embed.add_argument("--corpus", required=True)
    what = embed.add_mutually_exclusive_group()
    what.add_argument("--word", help="every use of this word")
    for flag in ("targets", "texts", "all-words"):
        what.add_argument(f"--{flag}", dest="what", action="store_const", const=flag)
    embed.add_argument("--out", type=Path, required=True)
    _encoding_options(embed)

    tune = command(commands, "finetune", actions.finetune, "train a model on a corpus; resumable")
    tune.add_argument("--model", default="builtin")
    tune.add_argument("--corpus", required=True)
    tune.add_argument("--objective", required=True, choices=("labels", "pairs", "senses"))
    tune.add_argument("--plan", default="full", choices=("full", "frozen_embeddings"))
    tune.add_argument("--recipe", type=Path, help="a YAML file with stages; see the README")
    tune.add_argument("--steps", type=int)
    tune.add_argument("--rate", type=float, help="learning rate of the encoder")
    tune.add_argument("--seed", type=int, default=0)
    tune.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="train N seeds, one after another: the noise floor (try 3)"
    )
    tune.add_argument(
        "--canary", default="bundled", metavar="CORPUS", help="off-domain texts to watch: a corpus, or none (bundled)"
    )
    tune.add_argument("--on-alarm", choices=("tell", "stop"), default="tell", help="when the canary alarms")
    tune.add_argument("--batch-tokens", type=int)
    tune.add_argument("--eval-every", type=int)
    tune.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")

    compare = command(commands, "compare", actions.compare, "two model states on the same occurrences, every layer")
    compare.add_argument("--before", required=True, metavar="SPEC")
    compare.add_argument("--after", required=True, metavar="SPEC")
    compare.add_argument("--corpus", help="without it, two files of vectors are compared on the items they share")
    compare.add_argument("--word", action="append", help="look at all uses of this word too (may be repeated)")
    compare.add_argument("--k", type=int, default=10, help="neighbours that count as near (default 10)")
    compare.add_argument("--min-count", type=int, default=2, help="words used less often are left out (default 2)")
    compare.add_argument("--seed", type=int, default=0)
    compare.add_argument(
        "--replicates", metavar="SPEC,SPEC", help="other seeds of the recipe of --after, or none (default: found)"
    )
    compare.add_argument("--expect", type=Path, metavar="FILE", help="statements to check; exit code 1 when one fails")
    compare.add_argument("--out", type=Path)
    _encoding_options(compare)

    measure = command(commands, "measure", actions.measure, "the metrics on vectors made elsewhere")
    measure.add_argument("--before", type=Path, required=True, metavar="A.npy")
    measure.add_argument("--after", type=Path, metavar="B.npy")
    measure.add_argument("--labels", type=Path, metavar="L.csv")
    measure.add_argument(
        "--texts", type=Path, metavar="FILE", help="texts that models given as --before and --after embed, one a row"
    )
    measure.add_argument("--layer", type=int, help="of a model, or of a folder of embed --out (default: the last)")
    measure.add_argument("--k", type=int, default=10)
    measure.add_argument("--seed", type=int, default=0)
    measure.add_argument(
        "--raw-norm",
        action="store_true",
        help="partition isotropy on vectors as they are, not divided by their mean norm",
    )

    report = command(commands, "report", actions.report, "a comparison as one file")
    report.add_argument("comparison")
    report.add_argument("--format", choices=("html", "json", "parquet"), default="html")
    report.add_argument("--out", type=Path, required=True)

    runs = family("runs", "trainings")
    command(runs, "list", actions.runs_list, "all runs")
    for name, run, text in (
        ("show", actions.runs_show, "one run"),
        ("cancel", actions.runs_cancel, "stop a run after its current step"),
        ("resume", actions.runs_resume, "go on where a run stopped"),
    ):
        command(runs, name, run, text).add_argument("id")
    return top


def _encoding_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--layers", help="numbers with commas between (default: all)")
    command.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    command.add_argument("--no-cache", action="store_true", help="encode anew")
