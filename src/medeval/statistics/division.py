"""Division that says where there is nothing to divide by."""

import numpy as np
import numpy.typing as npt

from medeval.statistics.arrays import FloatArray


def divide_or_nan(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    """Divide element by element, with NaN where the divisor is not above 0; shapes broadcast."""
    above, below = np.broadcast_arrays(np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64))
    result: FloatArray = np.full(above.shape, np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result
