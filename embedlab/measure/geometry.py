"""The shape of one cloud of vectors under one name: A1, A5-A10, from anisotropy, spectrum and local."""

from embedlab.measure.anisotropy import alignment, mean_cosine, mean_cosine_centred, top_dimension_share, uniformity
from embedlab.measure.local import (
    Hubness,
    TwoNN,
    duplicates_removed,
    hubness,
    hubness_of,
    two_nn,
    two_nn_all,
    two_nn_mle,
)
from embedlab.measure.spectrum import (
    covariance,
    effective_rank,
    isoscore,
    isoscore_star,
    isotropic_isoscore,
    participation_ratio,
    partition_isotropy_log10,
)

__all__ = [
    "Hubness",
    "TwoNN",
    "alignment",
    "covariance",
    "duplicates_removed",
    "effective_rank",
    "hubness",
    "hubness_of",
    "isoscore",
    "isoscore_star",
    "isotropic_isoscore",
    "mean_cosine",
    "mean_cosine_centred",
    "participation_ratio",
    "partition_isotropy_log10",
    "top_dimension_share",
    "two_nn",
    "two_nn_all",
    "two_nn_mle",
    "uniformity",
]
