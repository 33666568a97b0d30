"""A table of words and nothing else: bag-of-words (the mean of a text's rows), word2vec, GloVe, fastText."""

from jaxtyping import Float, Int64
from torch import Tensor, nn

from embedlab.lineage.base import LineageConfig, LineageModel, words_table
from embedlab.lineage.kinds import KINDS


class Config(LineageConfig):
    """`hidden_size` is `embedding_size`: the table is the last layer too. Raises ValueError where another one is."""

    model_type = KINDS["table"].model_type
    hidden_size: int = 0

    def __post_init__(self, **settings: object) -> None:
        if self.hidden_size not in (0, self.embedding_size):
            raise ValueError(f"hidden_size of a table is its embedding_size, {self.embedding_size}")
        self.hidden_size = self.embedding_size
        super().__post_init__(**settings)


class Model(LineageModel):
    """One group: embeddings. Fresh rows are standard normal, as those of nn.Embedding; the row of padding is 0."""

    config_class = Config
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.embeddings = words_table(config)
        self.layers = nn.ModuleList()
        self.post_init()

    def states(
        self, input_ids: Int64[Tensor, "text piece"], lengths: Int64[Tensor, "text"]
    ) -> list[Float[Tensor, "text piece d"]]:
        return [self.get_input_embeddings()(input_ids)]
