"""PICNet (Zheng et al., Pluralistic Image Completion, 2019).

One encoder and one decoder, two paths. The reconstructive one is told what is hidden, as a posterior of a code, and must
paint the truth; the generative one draws the code from a prior that is inferred from what shows. At work the second paints,
with one fixed draw: one picture for each face, nothing chosen among many. (The published figures are the best of fifty by
the truth.) Deviations from the paper:

- the fixed prior of the posterior has variance sigma^2(n) = the hidden share of the picture; the paper says only that it
  narrows as less is hidden;
- the divergences are means over places and channels, so that their weight does not depend on the size of the code;
- one encoder sees the visible and the hidden part in turn, as in the paper; its levels, and the code of 8 x 8 places, are
  those that weights of 3 MiB allow. Pixels are folded two by two in "laptop". No spectral norm in encoder and decoder;
- the discriminators are of patches, with spectral norm; that of the generative path sees the composite;
- the paper paints at four scales and asks the L1 of each; here it is asked of the whole picture alone.
"""

from occset.models.registry import Network

_HERE = "occset.models.baselines.picnet"

NETWORK = Network(
    name="picnet",
    title="PICNet",
    says="a conditional VAE of two paths, one fixed draw, given the mask (Zheng et al. 2019)",
    does="deocclusion",
    task=f"{_HERE}.method:PICNetTask",
    inference=f"{_HERE}.method:PICNet",
    presets=f"{_HERE}.presets:PRESETS",
    options="occset.models.baselines.presets:Options",
    recipe="occset.models.baselines.released:PICNET",
    card="rivals.md",
    group="rivals",
    given=("mask",),
    chain="occset.models.baselines.chain:chain",
)
