"""What a person sees when something goes wrong: one sentence, one remedy, never a traceback."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from embedlab.errors import UserError
from embedlab.ui import safe

log = logging.getLogger("embedlab.ui")


def show(sentence: str, title: str = "That did not work") -> None:
    """One error card. `sentence` may hold what a person typed: it is escaped."""
    safe.html(
        '<div class="el-card el-error" role="alert"><div class="el-eyebrow">{title}</div><div>{sentence}</div></div>',
        title=title,
        sentence=sentence,
    )


def last_resort(error: BaseException) -> bool:
    """For whatever nobody caught: into the log, and a calm sentence on the screen. True: that is all."""
    if isinstance(error, UserError):
        show(str(error))
    else:
        log.error("unexpected error on the screen", exc_info=error)
        show(
            "Something went wrong in EmbedLab; nothing was lost. Reload the page; the log has the details.",
            "Our mistake",
        )
    return True


@contextmanager
def guard() -> Iterator[None]:
    """Turn any error of the block into a card. Streamlit's own control flow (rerun, stop) passes through."""
    try:
        yield
    except Exception as error:
        last_resort(error)


def guarded(function: Callable[..., None]) -> Callable[..., None]:
    """`guard` around a function: for fragments and callbacks, which run outside the page's own guard."""

    @wraps(function)
    def inner(*args: object, **kwargs: object) -> None:
        with guard():
            function(*args, **kwargs)

    return inner
