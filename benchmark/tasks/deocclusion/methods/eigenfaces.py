"""The linear model under `pca`: learns it from pictures, and infers hidden values from those that show.

With the eigenfaces U (orthonormal columns), their variances L and a residual of variance s^2, a picture is
x = m + U z + e, z ~ N(0, L), e ~ N(0, s^2). Of an occluded picture only the values V outside the hole are seen;
the most probable z given them is

    z = (U_V' U_V + s^2 L^-1)^-1  U_V' (x_V - m_V).

What the eigenfaces leave over is far from independent between neighbouring values, so that its variance a value would
make the many that are seen look far more telling than they are: the fit would follow hair and background at the
hidden values' expense. Therefore s^2 is measured by what it is for: of every tenth picture, put aside, probe holes
are inferred from the rest with s^2 from the residual's variance to 10^5 times that; the best is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

ROUNDING = 1 / 12  # variance that rounding to whole numbers makes; no residual is smaller
FACTORS = 10.0 ** np.arange(0, 5.25, 0.25)
HELD_OUT = 10  # every tenth picture is put aside
FEWEST_TO_PROBE = 30  # with fewer pictures, the residual's variance is taken as it is


@dataclass(frozen=True)
class Eigenfaces:
    """A linear model of flat pictures of D values, in units of the values.

    Attributes:
        mean: (D,) float32.
        axes: (D, K) float32, orthonormal columns.
        variances: (K,) float64, descending.
        noise: s^2, variance of a value's residual.
    """

    mean: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    noise: float

    def infer(self, pictures: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """The most probable pictures given the values that show.

        Args:
            pictures: (N, D) float32; what stands at hidden values is not used.
            hidden: (D,) bool, of all N alike.

        Returns:
            (N, D) float32, m + U z.
        """
        normal, projected = self._normal_equations(pictures, hidden)
        normal[np.diag_indices_from(normal)] += self.noise / self.variances
        weights = np.linalg.solve(normal, projected.T).T
        return self.mean + weights.astype(np.float32) @ self.axes.T

    def _normal_equations(self, pictures: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """U_V' U_V, (K, K), and U_V' (x_V - m_V), (N, K), both float64."""
        difference = np.where(hidden, np.float32(0), pictures - self.mean)
        # U is orthonormal over all values, so its product over the seen ones needs only the hidden, which are fewer.
        part = self.axes[hidden]
        normal = np.eye(len(self.variances)) - (part.T @ part).astype(np.float64)
        return normal, (difference @ self.axes).astype(np.float64)

    def hidden_errors(self, pictures: np.ndarray, hidden: np.ndarray, noises: np.ndarray) -> np.ndarray:
        """Mean squared error at the hidden values for each of several s^2.

        Args:
            pictures: (N, D) float32, complete.
            hidden: (D,) bool.
            noises: (M,) float.

        Returns:
            (M,) float.
        """
        normal, projected = self._normal_equations(pictures, hidden)
        part, truth = self.axes[hidden], (pictures - self.mean)[:, hidden]
        errors = []
        for noise in noises:
            weights = np.linalg.solve(normal + np.diag(noise / self.variances), projected.T).T
            errors.append(float(((weights.astype(np.float32) @ part.T - truth) ** 2).mean()))
        return np.array(errors)


def learn(pictures: np.ndarray, most_axes: int, probes: list[np.ndarray]) -> Eigenfaces:
    """Fit mean, axes and variances to all pictures, and s^2 to how well hidden values are inferred.

    Args:
        pictures: (N, D) float32, N at least 2 and not all alike. Overwritten, for there may be no room for a copy.
        most_axes: K at most.
        probes: holes to measure s^2 with, (D,) bool each.
    """
    middle = pictures.mean(axis=0)
    pictures -= middle
    products = (pictures @ pictures.T).astype(np.float64)
    model = _principal_axes(pictures, products, np.ones(len(pictures), bool), most_axes)
    if len(pictures) >= FEWEST_TO_PROBE:
        aside = np.arange(len(pictures)) % HELD_OUT == 0
        rest = _principal_axes(pictures, products, ~aside, most_axes)
        noises = rest.noise * FACTORS
        errors = sum(rest.hidden_errors(pictures[aside], probe, noises) for probe in probes)
        model = replace(model, noise=float(noises[np.argmin(errors)]))
    return replace(model, mean=model.mean + middle)


def _principal_axes(pictures: np.ndarray, products: np.ndarray, chosen: np.ndarray, most_axes: int) -> Eigenfaces:
    """Mean, axes and variances of the chosen pictures; s^2 is what the axes leave over, spread over all values.

    There are far fewer pictures than values, so the axes come from the pictures' inner products, (N, N): centred, their
    eigenvectors V sum to zero, and the axes are X' V, scaled, of pictures X that need not be centred.
    """
    count = int(chosen.sum())
    inner = products[np.ix_(chosen, chosen)]
    inner = inner - inner.mean(axis=0) - inner.mean(axis=1, keepdims=True) + inner.mean()
    variances, mixing = np.linalg.eigh(inner / (count - 1))
    variances, mixing = variances[::-1].clip(0), mixing[:, ::-1]
    kept = max(1, min(most_axes, count - 1, int((variances > 1e-6 * variances[0]).sum())))
    spread = np.zeros((len(pictures), kept), np.float32)  # rows of zeros leave pictures out without copying the others
    spread[chosen] = mixing[:, :kept] / np.sqrt(variances[:kept] * (count - 1))
    mean = (chosen / np.float32(count)).astype(np.float32) @ pictures
    noise = max(float(variances[kept:].sum()) / pictures.shape[1], ROUNDING)
    return Eigenfaces(mean, pictures.T @ spread, variances[:kept], noise)
