"""What all nouns share: a check at birth, and arrays that refuse writes."""

from typing import Any, TypeVar

import numpy as np


def require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


Array = TypeVar("Array", bound=np.ndarray[Any, Any])


def freeze(array: Array) -> Array:
    """The same array, refusing writes from now on."""
    array.flags.writeable = False
    return array
