"""What a server does before its first visitor: load the screen, so that a visit waits for drawing alone. No torch.

It is done while the visitor's browser fetches Streamlit's own files. A script waits for it, since two threads must not
import one package at once.
"""

import gc
import importlib
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Thread

import streamlit as st

from embedlab import ui
from embedlab.errors import UserError

_loading: list[Thread] = []  # of this process


@asynccontextmanager
async def ready(_app: st.App) -> AsyncIterator[None]:
    """The lifespan of the server."""
    _loading.append(Thread(target=load, daemon=True))
    _loading[-1].start()
    yield


def wait() -> None:
    """Until everything is loaded; at once where no server prepares anything."""
    for thread in _loading:
        thread.join()


def load() -> None:
    """Every module of the screen, the comparison that Compare opens on, the hash of the bundled weights.

    A workspace that cannot be used is told on the page, not here.
    """
    for module in pkgutil.iter_modules(ui.__path__):
        importlib.import_module(f"{ui.__name__}.{module.name}")
    from embedlab.ui import state  # imports most of EmbedLab: not before the server listens

    with suppress(UserError):
        for entry in state.lab().comparisons()[:1]:
            state.comparison(entry.id)
        state.lab().model("builtin")
    gc.freeze()  # modules stay: a collection need not walk them
