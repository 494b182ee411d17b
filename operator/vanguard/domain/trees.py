"""Boosted oblivious trees, read from plain arrays: every node of a level asks the same question.

So a tree is a handful of comparisons and one look-up for all series at once, and needs numpy only. The trees are
trained elsewhere; what is shipped are their tables.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vanguard.domain.past import Floats, Singles

_AT_ONCE = 4096  # series: their questions' answers stay in the processor's cache


@dataclass(frozen=True)
class Trees:
    """An ensemble with several outputs.

    Attributes:
        feature: [trees, depth], which feature each level looks at.
        border: [trees, depth], the answer is whether the feature is above it.
        leaves: [trees, 2**depth, outputs]; the first level's answer is the lowest bit of a leaf's number.
        bias: [outputs].
    """

    feature: NDArray[np.int16]
    border: Singles
    leaves: Singles
    bias: Singles

    def margins(self, features: Singles) -> Floats:
        """The sum of the leaves each row falls into. [n, features] -> [n, outputs], log-odds."""
        out = np.empty((len(features), self.leaves.shape[2]))
        for first in range(0, len(features), _AT_ONCE):
            part = np.ascontiguousarray(features[first : first + _AT_ONCE].T)
            out[first : first + _AT_ONCE] = self._sum(part)
        return out

    def _sum(self, columns: Singles) -> Floats:
        """Of the features as columns [features, n]."""
        total = np.tile(self.bias, (columns.shape[1], 1))
        for feature, border, leaves in zip(self.feature.tolist(), self.border, self.leaves, strict=True):
            leaf = np.zeros(columns.shape[1], np.uint8)
            for level, column in enumerate(feature):
                leaf |= (columns[column] > border[level]).view(np.uint8) << level
            total += leaves[leaf]
        return total.astype(np.float64)
