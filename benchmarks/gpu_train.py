"""Training throughput on a GPU: real tokens a second, and the share of the GPU's arithmetic that the model uses.

    python -m benchmarks.gpu_train [--models minilm base] [--tasks labels mlm pairs] [--precision bf16] [--peak TFLOPS]
    torchrun --nproc-per-node 2 -m benchmarks.gpu_train ...          # the same step, its rows shared by two processes

Every step is the one of a run: EmbedLab's engine, clipping, AdamW. Models: the bundled MiniLM, and one of BERT-base's
size with random weights (arithmetic costs the same whatever the weights are).

Model FLOPs utilisation (Chowdhery et al. 2022, PaLM, appendix B) = FLOP the model needs / (seconds * processes * peak):

    FLOP of a step = sum over texts of n pieces of 6 N n + 12 L d n^2, and 6 V d a hidden piece for mlm

N: parameters of the linear maps within the layers (embeddings are looked up, not multiplied), L layers of width d, V
the vocabulary. 6: two for the forward pass, four for the backward. Attention without a causal mask: Q K^T and the
weighted sum take 4 d n^2 forward, thrice that in all. Padding and work done twice do not count: they lower the share.
`peak`: dense bf16 arithmetic by the maker's data sheet (for fp32 give --peak); without one only tokens are told.
Without a GPU it says so and ends, but for `--models tiny`, which tries the script itself.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers.utils import logging

from benchmarks.train import work
from benchmarks.train.own import open_start, settings
from embedlab.encoders import resolve_builtin
from embedlab.training import freezing
from embedlab.training.engine import Engine
from embedlab.training.objectives import Material, objective
from embedlab.training.pool import Pool
from embedlab.training.trainable import Trainable

# dense bf16 TFLOP/s by the makers' data sheets, by what the device calls itself; the first that fits counts
PEAKS = {
    "GH200": 989.5, "H200": 989.5, "H100 NVL": 835.0, "H100 PCIe": 756.0, "H100": 989.5, "B200": 2250.0,
    "A100": 312.0, "A40": 149.7, "A10": 125.0, "L40S": 362.0, "L4": 121.0, "4090": 165.2, "3090": 71.0,
}  # fmt: skip
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def peak_of(device: str) -> float | None:
    """TFLOP/s of a device by its name; None for one that is not listed."""
    return next((peak for name, peak in PEAKS.items() if name in device), None)


def random_model(sizes: dict[str, int], folder: Path) -> Path:
    """A model of BERT's kind with random weights and the tokenizer of the bundled one."""
    from safetensors.torch import save_file
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(resolve_builtin(), local_files_only=True)
    torch.manual_seed(0)
    model = BertModel(BertConfig(vocab_size=len(tokenizer), **sizes), add_pooling_layer=False)
    model.config.architectures = ["BertModel"]
    tokenizer.save_pretrained(folder)
    model.config.save_pretrained(folder)
    # save_pretrained writes in the first of several processes alone
    save_file(model.state_dict(), folder / "model.safetensors", {"format": "pt"})
    return folder


def step_flop(model: Trainable, material: Material, rows: Sequence[int], hidden_pieces: float) -> float:
    """FLOP that the model needs for a step, forward and backward (formula: at the top)."""
    lengths = np.concatenate([side.lengths[np.asarray(rows)] for side in material.sides]).astype(np.float64)
    layers = [group for name, group in model.layer_groups.items() if name.startswith("layer.")]
    linear = sum(p.numel() for group in layers for p in group if p.ndim == 2)
    d = int(model.encoder.config.hidden_size)
    head = 6 * model.table.numel() * hidden_pieces if model.mlm is not None else 0.0
    return float(6 * linear * lengths.sum() + 12 * len(layers) * d * (lengths**2).sum() + head)


def measure(job: work.Job, pool: Pool) -> dict[str, float]:
    """Medians over the steps after those that warm up."""
    texts = work.corpus(job.task)
    torch.manual_seed(job.seed)
    model, material = open_start(job, texts, str(pool.device))
    config, goal = settings(job), objective(job.task)
    adam = freezing.optimiser(model, freezing.apply(model, config.stages[0]), config.weight_decay)
    engine = Engine(model, config, pool)
    cuda = pool.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    model.train()
    seconds, tokens, flop = [], [], []
    for step, batch in enumerate(work.order(len(texts), job.steps, job.items, job.seed)):
        began = time.perf_counter()
        _, real = engine.gradients(goal, material, [batch], (job.seed, 0, step))
        torch.nn.utils.clip_grad_norm_([p for part in adam.param_groups for p in part["params"]], config.max_grad_norm)
        adam.step()
        if cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
        tokens.append(real)
        flop.append(step_flop(model, material, batch.tolist(), config.mask_share * real))
    timed = slice(job.warm, None)
    rate = statistics.median(t / s for t, s in zip(tokens[timed], seconds[timed], strict=True))
    return {
        "tokens_per_s": rate,
        "tflops": statistics.median(f / s for f, s in zip(flop[timed], seconds[timed], strict=True)) / 1e12,
        "step_s": statistics.median(seconds[timed]),
        "tokens_a_step": statistics.median(tokens[timed]),
        "peak_gb": torch.cuda.max_memory_allocated() / 2**30 if cuda else float("nan"),
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--models", nargs="+", choices=("minilm", "base", "tiny"), default=["minilm", "base"])
    add("--tasks", nargs="+", choices=work.TASKS, default=list(work.TASKS))
    add("--precision", choices=("fp32", "bf16"), default="bf16")
    add("--items", type=int, default=256, help="rows of a batch, over all processes")
    add("--steps", type=int, default=40)
    add("--warm", type=int, default=10)
    add("--peak", type=float, help="TFLOP/s of one device, where the table has none")
    add("--out", type=Path, default=Path("out/gpu_train.json"))
    return parser.parse_args()


def main() -> int:
    given, pool = options(), Pool.join()
    logging.set_verbosity_error()
    if pool.device.type == "cpu" and given.models != ["tiny"]:
        print("There is no GPU here: nothing is measured (--models tiny tries the script on the CPU).")
        return 0
    name = torch.cuda.get_device_name() if pool.device.type == "cuda" else "CPU"
    peak = given.peak or (peak_of(name) if given.precision == "bf16" else None)
    results: dict[str, Any] = {"device": name, "processes": pool.world, "precision": given.precision, "peak": peak}
    if pool.main:
        print(f"{name}, {pool.world} process(es), {given.precision}, peak {peak or 'unknown: give --peak'}")
        print(f"{'':18}{'tokens/s':>12}{'TFLOP/s':>10}{'MFU':>8}{'ms/step':>9}{'tokens/step':>13}{'GB':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for model in given.models:
            sizes = {"base": BASE, "tiny": TINY}.get(model)
            start = resolve_builtin() if sizes is None else random_model(sizes, Path(folder) / model)
            for task in given.tasks:
                job = work.Job(
                    "EmbedLab", task, str(start), 0, given.steps, given.items, given.warm, 1, given.precision
                )
                row = measure(job, pool)
                share = row["tflops"] / (peak * pool.world) if peak else float("nan")
                results[f"{model} {task}"] = {**row, "mfu": share if peak else None}
                if pool.main:
                    print(
                        f"{model + ' ' + task:18}{row['tokens_per_s']:>12,.0f}{row['tflops']:>10.3f}{share:>8.1%}"
                        f"{1000 * row['step_s']:>9.1f}{row['tokens_a_step']:>13,.0f}{row['peak_gb']:>7.2f}",
                        flush=True,
                    )
    if pool.main:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(results, indent=1))
    pool.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
