"""FD3D (Yuan and Park, Face De-Occlusion Using 3D Morphable Model and Generative Adversarial Network, 2019).

No code was published, so this is from its description: a network fits a morphable model to the occluded face, and an
adversarial autoencoder takes the occluded picture beside the rendered face and paints the whole picture anew. It is told no
mask. Deviations from the paper, as far as they are known:

- the fit is our NR, frozen, on the occluded picture, in training as at work;
- the autoencoder goes down to 8 x 8 places without skip connections; how many channels the paper has it does not say;
- one discriminator of patches with spectral norm; the L1 of the whole picture weighs a hundred times as much;
- pixels are folded two by two into channels in "laptop": weights of 3 MiB must do.
"""

from occset.models.registry import Network

_HERE = "occset.models.baselines.fd3d"

NETWORK = Network(
    name="fd3d",
    title="FD3D",
    says="an adversarial autoencoder of the photo beside NR's rendered face, no mask (Yuan and Park 2019)",
    does="deocclusion",
    task=f"{_HERE}.method:FD3DTask",
    inference=f"{_HERE}.method:FD3D",
    presets=f"{_HERE}.presets:PRESETS",
    options="occset.models.baselines.presets:Options",
    recipe="occset.models.baselines.released:FD3D",
    card="rivals.md",
    group="rivals",
    chain="occset.models.baselines.chain:chain",
)
