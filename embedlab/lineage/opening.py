"""From a kind to the classes that build it, each imported when it is asked for."""

from importlib import import_module

from embedlab.lineage.base import LineageConfig, LineageModel
from embedlab.lineage.kinds import Kind


def classes(kind: Kind) -> tuple[type[LineageConfig], type[LineageModel]]:
    """(config class, model class) of a kind."""
    module = import_module(f"embedlab.lineage.{kind.name.replace('-', '_')}")
    return module.Config, module.Model


def register(kind: Kind | None) -> None:
    """Let transformers' Auto classes open this kind too; nothing to do for None, a model they know."""
    if kind is None:
        return
    from transformers import AutoConfig, AutoModel

    config, model = classes(kind)
    AutoConfig.register(kind.model_type, config, exist_ok=True)
    AutoModel.register(config, model, exist_ok=True)
