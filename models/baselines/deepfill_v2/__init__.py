"""DeepFill-v2 (Yu et al., Free-Form Image Inpainting with Gated Convolution, 2019).

A coarse network fills the hole, a second one refines it along two ways, of which one copies patches from outside the hole by
contextual attention; all convolutions are gated; a discriminator of patches with spectral norm and the hinge loss.
Deviations from the paper:

- pixels are folded two by two into channels in "laptop" (one halving of the sides instead of two), and channels are 32 and
  60 (the paper's gated layers come to 24, 48 and 96): weights of 3 MiB must do;
- L1 and adversarial loss weigh 2 and 0.1 and not 1 and 1 on values of -1..1 (that is 2 and 1 here): 25,600 samples are few,
  and the L1 is what teaches a small network most; "paper" has the paper's;
- patches whose window touches the hole are no source, at the coarser grid too; where no patch is left nothing is copied;
- what overlapping patches give is divided by their number, at the picture's border too;
- no sketch channel and no edges: the paper's user-guided part is another task.
"""

from occset.models.registry import Network

_HERE = "occset.models.baselines.deepfill_v2"

NETWORK = Network(
    name="deepfill-v2",
    title="DeepFill-v2",
    says="gated convolutions and contextual attention, given the mask (Yu et al. 2019)",
    does="deocclusion",
    task=f"{_HERE}.method:DeepFillTask",
    inference=f"{_HERE}.method:DeepFill",
    presets=f"{_HERE}.presets:PRESETS",
    options="occset.models.baselines.presets:Options",
    recipe="occset.models.baselines.released:DEEPFILL_V2",
    card="rivals.md",
    group="rivals",
    given=("mask",),
    chain="occset.models.baselines.chain:chain",
)
