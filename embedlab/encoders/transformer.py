"""Encoders that are model folders: BERT and its kin, ModernBERT, GPT-2, and the models before them."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from embedlab.encoders.batching import Block, Pass, blocks, chunks
from embedlab.encoders.families import longest_input
from embedlab.encoders.files import ModelFiles, check_folder
from embedlab.encoders.info import label_of
from embedlab.encoders.loading import open_model, open_tokenizer
from embedlab.encoders.packing import pack
from embedlab.encoders.protocol import Block as Vectors
from embedlab.encoders.protocol import Precision, Progress, Span
from embedlab.errors import ModelError
from embedlab.lineage.kinds import kind_of
from embedlab.store import is_sealed, open_verified
from embedlab.types import EncoderSpec, LayerInfo, Occurrence

BUDGET = {"cpu": 1024, "cuda": 16384}  # pieces a pass: the activations stay near the caches; a GPU wants more at once
MOST_WORKERS = 16
FEWEST = 32  # pieces a pass


class TransformerEncoder:
    """One model state in memory. See `protocol.Encoder` for what it promises.

    On the CPU every pass runs on one thread and several passes run side by side: faster than several threads a pass,
    and the numbers do not depend on how many threads there are.
    """

    def __init__(self, spec: EncoderSpec, folder: Path, device: str | None = None) -> None:
        self.spec = spec
        self.label = label_of(spec, folder)
        self.device = _device(device)
        self._files = check_folder(folder, self.label)
        if spec.source.startswith("run:") and is_sealed(folder):
            _verify(folder, self._files)
        self.fingerprint = self._files.fingerprint()
        self.parameters = self._files.parameters
        self.longest = longest_input(self._files.config)
        self._reader = open_tokenizer(self._files, self.label)
        self._models: dict[Precision, nn.Module] = {}
        self.layers = self._look_at_layers()

    def units(self, texts: Sequence[str]) -> list[list[Span]]:
        """Character spans of the pieces of each text; pieces that stand for no character are left out."""
        found: list[list[Span]] = []
        for begin in range(0, len(texts), 1024):
            for pieces in self._reader.read(texts[begin : begin + 1024]):
                spans = zip(pieces.starts.tolist(), pieces.ends.tolist(), strict=True)
                found.append([(start, end) for start, end in spans if end > start])
        return found

    def encode(
        self,
        occurrences: Sequence[Occurrence],
        *,
        layers: Sequence[int] | None = None,
        precision: Precision = "fp32",
        progress: Progress | None = None,
    ) -> Iterator[Vectors]:
        """See `protocol.Encoder.encode`. Raises ModelError also for a layer this model does not have."""
        chosen = range(len(self.layers)) if layers is None else list(layers)
        if any(not 0 <= layer < len(self.layers) for layer in chosen):
            raise ModelError(f"{self.label} has layers 0 to {len(self.layers) - 1}: {list(chosen)} asks for another.")
        model = self._model(precision)
        total = sum(len(text) for text in {occurrence.text for occurrence in occurrences}) or 1
        done = 0

        def work() -> Iterator[tuple[Block, int]]:
            for asked in chunks(occurrences):
                for block in blocks(
                    asked, occurrences, self._reader,
                    longest=self.longest, budget=BUDGET[self.device], pooling=self.spec.pooling,
                ):  # fmt: skip
                    yield block, sum(len(text) for text in {occurrences[row].text for row in block.rows})

        for (block, size), arrays in self._each(work(), model, chosen, precision):
            done += size
            yield block.rows, arrays
            if progress is not None:
                progress(done / total, f"Reading texts with {self.label}")

    def _each(
        self, work: Iterable[tuple[Block, int]], model: nn.Module, chosen: Sequence[int], precision: Precision
    ) -> Iterator[tuple[tuple[Block, int], list[np.ndarray]]]:
        """Results in the order of the work, a few blocks ahead."""
        threads = torch.get_num_threads()
        if self.device != "cpu" or threads == 1:
            for item in work:
                yield item, self._vectors(item[0], model, chosen, precision)
            return
        waiting: deque[tuple[tuple[Block, int], Future[list[np.ndarray]]]] = deque()
        workers = min(threads, MOST_WORKERS)
        pool = ThreadPoolExecutor(workers, "encode", initializer=torch.set_num_threads, initargs=(1,))
        try:
            for item in work:
                waiting.append((item, pool.submit(self._vectors, item[0], model, chosen, precision)))
                if len(waiting) > 2 * workers:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(threads)

    def _vectors(self, block: Block, model: nn.Module, chosen: Sequence[int], precision: Precision) -> list[np.ndarray]:
        """The wanted rows of every chosen layer, float32 [row, dim]."""
        mixed = self.device == "cuda" and precision == "bf16"  # on the CPU the packed layers do it
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=mixed):
            sums = [torch.zeros(len(block.rows), self.layers[layer].dim, device=self.device) for layer in chosen]
            for one in block.passes:
                self._take(one, model, chosen, sums)
            counts = torch.from_numpy(block.counts).to(self.device)[:, None]
            return [(total / counts).cpu().numpy() for total in sums]

    def _take(self, one: Pass, model: nn.Module, chosen: Sequence[int], sums: list[Tensor]) -> None:
        # a product of very few rows takes another way through MKL, with other rounding: so there are never very few
        copies = -(-FEWEST // one.ids.size)
        hidden = _hidden_states(model, torch.from_numpy(np.tile(one.ids, (copies, 1))).to(self.device))
        for gather in one.gathers:
            flat = torch.from_numpy(gather.flat).to(self.device)
            into = torch.from_numpy(gather.into).to(self.device)
            for total, layer in zip(sums, chosen, strict=True):
                states = hidden[layer].flatten(0, 1)
                picked = states[flat[:, 0]].float() if flat.shape[1] == 1 else states[flat].float().sum(1)
                total[into] += picked

    def _model(self, precision: Precision) -> nn.Module:
        if precision not in self._models:
            model = open_model(self._files, self.label, self.device)
            # the lineage's own loops reach for the weights of their linear maps, which packed layers no longer show
            if self.device == "cpu" and kind_of(self._files.config) is None:
                pack(model, torch.bfloat16 if precision == "bf16" else torch.float32)
            self._models[precision] = model
        return self._models[precision]

    def _look_at_layers(self) -> tuple[LayerInfo, ...]:
        """How many layers there are and how wide, by reading one short text."""
        ids = torch.tensor([[*self._reader.prefix, 0, *self._reader.suffix]], device=self.device)
        with torch.inference_mode():
            states = _hidden_states(self._model("fp32"), ids)
        widths = [int(state.shape[-1]) for state in states]
        return tuple(
            LayerInfo(f"layer {i}" if i else "embeddings", width, "contextual" if i else "static")
            for i, width in enumerate(widths)
        )


def _hidden_states(model: nn.Module, ids: Tensor) -> tuple[Tensor, ...]:
    return model(input_ids=ids, output_hidden_states=True).hidden_states


def _device(asked: str | None) -> str:
    there = torch.cuda.is_available()
    if asked not in (None, "cpu", "cuda"):
        raise ModelError(f"There is no device {asked!r}: choose cpu or cuda.")
    if asked == "cuda" and not there:
        raise ModelError("No GPU can be used here: choose the device cpu.")
    return asked or ("cuda" if there else "cpu")


def _verify(folder: Path, files: ModelFiles) -> None:
    """A model this workspace wrote must still be the bytes it wrote."""
    for name in files.names:
        open_verified(folder, (files.folder / name).relative_to(folder).as_posix())
