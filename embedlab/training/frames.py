"""Frames: whole models of the way a run has come, each of which can be the before or the after of a comparison.

runs/<id>/frames/step_000100/ is a sealed model folder like model/. Which frames are there is a function of the step
alone, so a run that was resumed keeps the same ones.
"""

from pathlib import Path

from embedlab.encoders.files import ModelFiles
from embedlab.store import is_sealed
from embedlab.training import checkpoint, export, runfolder
from embedlab.training.trainable import Trainable
from embedlab.types import RunConfig


def wanted(step: int, config: RunConfig) -> tuple[int, ...]:
    """The steps whose frames are to be there once `step` is done: the start, and at most config.frames on the way.

    On the way: every evaluation, every second, every fourth ... the smallest stride at which they are few enough.
    The kept step needs no frame of its own: model/ holds it.

    >>> from embedlab.types import EncoderSpec, Stage
    >>> config = RunConfig("", EncoderSpec(""), (Stage(1000, {"*": 1e-5}),), eval_every=10, frames=3)
    >>> wanted(30, config), wanted(40, config), wanted(130, config)
    ((0, 10, 20, 30), (0, 20, 40), (0, 40, 80, 120))
    """
    if config.frames == 0:
        return (0,)
    stride = config.eval_every
    while step // stride > config.frames:
        stride *= 2
    return (0, *range(stride, step + 1, stride))


def keep(run: Path, model: Trainable, source: ModelFiles, start: Path, step: int, config: RunConfig) -> bool:
    """Write the frame of `step` if it is wanted and not there yet, after taking away those that are wanted no more.

    Returns whether one was written. Raises StoreError when the disk is full; the frames that were there stay.
    """
    folder = runfolder.frame_place(run, step).parent
    places = {runfolder.frame_place(run, number) for number in wanted(step, config)}
    if folder.exists():
        checkpoint.sweep(folder, set(folder.glob("step_*")) - places)
    place = runfolder.frame_place(run, step)
    if place not in places or is_sealed(place):
        return False
    export.model_folder(model, source, start, place)
    return True
