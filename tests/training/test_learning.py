"""Every objective from a corpus to a lower loss and a better score on what it learned from, with a plain optimiser."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embedlab.encoders import files, loading
from embedlab.store import Store
from embedlab.training import batches, losses, material, mlm
from embedlab.training.objectives import OBJECTIVES, objective
from embedlab.training.trainable import Trainable
from tests.training import tiny
from tests.training.test_objectives import TABLES

STEPS = 60


@pytest.mark.parametrize("name", [name for name, one in OBJECTIVES.items() if one.fits(None)])
def test_what_is_trained_on_is_learned(name: str, store: Store, tiny_models: Callable[[str], Path]) -> None:
    corpus = tiny.add_corpus(store, TABLES.get(name, tiny.rows)())
    goal, config = objective(name), tiny.config(corpus, batch_tokens=1024)
    examples = goal.examples(corpus, range(len(corpus)))
    classes = tuple(sorted(set(examples.classes))) if name == "labels" else ()
    source = files.check_folder(tiny_models("bert"))
    reader = loading.open_tokenizer(source, "tiny")
    encoder = loading.open_model(source, "tiny", "cpu")
    head = mlm.open_head(source, encoder)[0] if name == "mlm" else None
    model = Trainable(encoder, "mean", classes, mlm=head).requires_grad_(True)
    cutter = material.Cutter(reader, "mean", 64, classes, material.vocabulary(source, "tiny", reader))
    made, asked = cutter.learned(name, examples), cutter.asked(name, examples)
    torch.manual_seed(0)
    (before,) = goal.scores(model, asked, [asked])
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    at = batches.walk(lambda epoch: goal.epoch(made, config, batches.generator(0, 0, epoch)))
    model.train()
    found = []
    for step in range(STEPS):
        rows = at(step)
        if goal.reads == "tokens":
            masked = goal.hide(made, rows, config, np.random.default_rng([0, step]))
            loss = goal.token_loss(model, masked) / len(masked)
        else:
            loss = losses.total(
                goal, model, tuple(model.vectors(side[rows]) for side in made.sides), made, rows, config
            )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(float(loss.detach()))
    (after,) = goal.scores(model, asked, [asked])
    assert np.mean(found[-5:]) < 0.9 * np.mean(found[:5])
    assert after.value > before.value
