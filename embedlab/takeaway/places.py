"""Where something taken away may be put: nowhere that something else is."""

from pathlib import Path

from embedlab.errors import StoreError


def require_free(out: Path) -> None:
    """Raises StoreError where there is something already, be it ours or not; an empty folder will do."""
    taken = out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir())))
    if taken:
        raise StoreError(f"There is something called {out.name} already: give another --out, or take it away first.")
