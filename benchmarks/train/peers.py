"""The peers, as their documentation has them used, and the same objectives as plain torch modules for them."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertForMaskedLM,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from benchmarks.train.clock import Clock
from benchmarks.train.work import CLIP, DECAY, HIDDEN, RATE, TEMPERATURE, Job, Rows
from embedlab.types import Corpus

Batch = dict[str, Tensor]


class Mean(nn.Module):
    """The encoder and the mean of its last layer over the real pieces."""

    def __init__(self, start: str) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(start, local_files_only=True, add_pooling_layer=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Float[Tensor, "n d"]:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        real = attention_mask[..., None].to(hidden.dtype)
        return (hidden * real).sum(1) / real.sum(1)


class Labels(nn.Module):
    """A classifier that starts from zeros, on the mean vector."""

    def __init__(self, start: str, classes: int) -> None:
        super().__init__()
        self.mean = Mean(start)
        self.head = nn.Linear(self.mean.encoder.config.hidden_size, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(self.head(self.mean(input_ids, attention_mask)).float(), labels)}


class Pairs(nn.Module):
    """In-batch negatives both ways. The two sides are padded apart, as sentence-transformers does it."""

    def __init__(self, start: str) -> None:
        super().__init__()
        self.mean = Mean(start)

    def forward(self, **sides: Tensor) -> dict[str, Tensor]:
        a, b = (
            F.normalize(self.mean(sides[f"{side}_input_ids"], sides[f"{side}_attention_mask"]).float(), dim=-1)
            for side in ("text", "pair")
        )
        scores, own = a @ b.T / TEMPERATURE, torch.arange(len(a), device=a.device)
        return {"loss": (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2}


class HiddenOnly(nn.Module):
    """BertForMaskedLM with logits at the hidden places alone."""

    def __init__(self, whole: BertForMaskedLM) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        hidden = self.whole.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        asked = labels != -100
        return {"loss": F.cross_entropy(self.whole.cls(hidden[asked]).float(), labels[asked])}


def masked_lm(start: str) -> BertForMaskedLM:
    """BertForMaskedLM with the head that EmbedLab starts from: the folder has none, and a random one would differ."""
    from embedlab.encoders import files
    from embedlab.training.mlm import open_head

    model = BertForMaskedLM.from_pretrained(start, local_files_only=True)
    head, _ = open_head(files.check_folder(Path(start)), model.bert)
    left = model.load_state_dict(head.folder_weights("bert"), strict=False)
    assert not left.unexpected_keys
    return model


def module(job: Job, corpus: Corpus) -> nn.Module:
    if job.task == "labels":
        return Labels(job.start, len(set(corpus.labels or ())))
    return Pairs(job.start) if job.task == "pairs" else masked_lm(job.start)


def features(job: Job, corpus: Corpus, tokenizer: Any) -> list[dict[str, Any]]:
    """Every row cut into pieces beforehand, as the course of transformers does it."""
    ids = tokenizer(list(corpus.texts))["input_ids"]
    if job.task == "pairs":
        partners = tokenizer(list(corpus.pairs or ()))["input_ids"]
        return [{"text": a, "pair": b} for a, b in zip(ids, partners, strict=True)]
    if job.task == "mlm":
        return [{"input_ids": one} for one in ids]
    classes = sorted(set(corpus.labels or ()))
    return [{"input_ids": one, "labels": classes.index(c)} for one, c in zip(ids, corpus.labels or (), strict=True)]


def collator(job: Job, tokenizer: Any) -> Callable[[Sequence[Mapping[str, Any]]], Batch]:
    """Padding to the longest row of the batch; of pairs, of its side."""
    if job.task == "mlm":
        return DataCollatorForLanguageModeling(tokenizer, mlm_probability=HIDDEN)

    def padded(rows: Sequence[Mapping[str, Any]]) -> Batch:
        if job.task == "labels":
            found = tokenizer.pad([{"input_ids": row["input_ids"]} for row in rows], return_tensors="pt")
            return {**found, "labels": torch.tensor([row["labels"] for row in rows])}
        sides = {side: tokenizer.pad([{"input_ids": row[side]} for row in rows], return_tensors="pt")
                 for side in ("text", "pair")}  # fmt: skip
        return {f"{side}_{name}": tensor for side, found in sides.items() for name, tensor in found.items()}

    return padded


def real_tokens(batch: Mapping[str, Any]) -> int:
    return sum(int(tensor.sum()) for name, tensor in batch.items() if name.endswith("attention_mask"))


class Ticks(TrainerCallback):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.clock.start()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.clock.tick()


def arguments(job: Job, folder: str) -> dict[str, Any]:
    """What both Trainers are told; all else is as they come, but for what costs time and trains nothing."""
    return {
        "output_dir": folder, "per_device_train_batch_size": job.items, "max_steps": job.steps,
        "learning_rate": RATE, "lr_scheduler_type": "constant", "weight_decay": DECAY, "max_grad_norm": CLIP,
        "bf16": job.precision == "bf16", "use_cpu": True, "seed": job.seed, "data_seed": job.seed,
        "logging_steps": 10 * job.steps, "save_strategy": "no", "report_to": "none", "disable_tqdm": True,
    }  # fmt: skip


class Noting(Trainer):
    """transformers' Trainer; it also notes the loss of every step."""

    clock: Clock

    def compute_loss(self, model: nn.Module, inputs: Any, *others: Any, **named: Any) -> Any:
        loss = super().compute_loss(model, inputs, *others, **named)
        self.clock.seen(float(loss.detach()), real_tokens(inputs))
        return loss


def transformers(job: Job, corpus: Corpus, rows: Rows, clock: Clock, grouped: bool = False) -> None:
    """`grouped`: its own sampler deals the rows by length instead."""
    tokenizer = AutoTokenizer.from_pretrained(job.start, local_files_only=True)
    every = features(job, corpus, tokenizer)
    dealt = [every[i] for batch in rows for i in batch.tolist()]
    if grouped:
        for row in dealt:
            row["length"] = len(row["input_ids"]) if "input_ids" in row else len(row["text"]) + len(row["pair"])
    with tempfile.TemporaryDirectory() as folder:
        told = TrainingArguments(
            **arguments(job, folder),
            remove_unused_columns=False,
            train_sampling_strategy="group_by_length" if grouped else "sequential",
        )
        own = collator(job, tokenizer)
        trainer = Noting(
            module(job, corpus),
            told,
            data_collator=lambda some: own([{k: v for k, v in row.items() if k != "length"} for row in some]),
            train_dataset=dealt,
            callbacks=[Ticks(clock)],
        )
        trainer.clock = clock
        trainer.train()


class Noted(nn.Module):
    """A loss of sentence-transformers that notes what it saw."""

    def __init__(self, loss: nn.Module, clock: Clock) -> None:
        super().__init__()
        self.loss, self.clock = loss, clock

    def forward(self, sentence_features: Any, labels: Tensor) -> Tensor:
        sides = list(sentence_features)
        tokens = sum(int(side["attention_mask"].sum()) for side in sides)
        found: Tensor = self.loss(sides, labels)
        self.clock.seen(float(found.detach()), tokens)
        return found


class Classified(nn.Module):
    """sentence-transformers has losses for two texts with a label, none for one: the same classifier as one."""

    def __init__(self, model: Any, classes: int) -> None:
        super().__init__()
        self.model = model
        self.head = nn.Linear(model.get_embedding_dimension(), classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, sentence_features: Any, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.head(self.model(sentence_features[0])["sentence_embedding"]).float(), labels)


def sentence_transformers(job: Job, corpus: Corpus, rows: Rows, clock: Clock) -> None:
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
        models,
    )
    from sentence_transformers.base.sampler import DefaultBatchSampler
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from torch.utils.data import SequentialSampler

    word = models.Transformer(job.start)
    model = SentenceTransformer(modules=[word, models.Pooling(word.get_embedding_dimension())], device="cpu")
    flat = [i for batch in rows for i in batch.tolist()]
    columns: dict[str, list[Any]] = {"text": [corpus.texts[i] for i in flat]}
    loss: nn.Module
    if job.task == "labels":
        classes = sorted(set(corpus.labels or ()))
        columns["label"] = [classes.index((corpus.labels or ())[i]) for i in flat]
        loss = Classified(model, len(classes))
    else:
        columns["pair"] = [(corpus.pairs or ())[i] for i in flat]
        both = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
        loss = MultipleNegativesRankingLoss(model, scale=1 / TEMPERATURE, **both)
    with tempfile.TemporaryDirectory() as folder:
        told = SentenceTransformerTrainingArguments(
            **arguments(job, folder),
            batch_sampler=lambda dataset, **other: DefaultBatchSampler(SequentialSampler(dataset), **other),
        )
        SentenceTransformerTrainer(
            model=model,
            args=told,
            train_dataset=Dataset.from_dict(columns),
            loss=Noted(loss, clock),
            callbacks=[Ticks(clock)],
        ).train()
