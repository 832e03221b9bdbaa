"""Context Encoder (Pathak et al., Context Encoders: Feature Learning by Inpainting, 2016), the family's ancestor.

An encoder, one dense layer a channel through which every place hears of every other, and a decoder without skip
connections; the squared error in the hole, and a discriminator. Deviations from the paper:

- pixels are folded two by two into channels in "laptop", and the dense layer works at 8 x 8 places with 128 channels (the
  paper: 6 x 6 with 256): weights of 3 MiB must do;
- the discriminator judges the composite and not the whole outcome: outside the hole nothing is asked of the network, which
  the discriminator would see at once. It has no batch normalisation, and strided convolutions down to one logit as DCGAN's;
- holes are the occluders' footprints, so the paper's weight of ten on an overlap of seven pixels round a central square has
  no place;
- the hole is filled with mid grey rather than the data's mean colour.
"""

from occset.models.registry import Network

_HERE = "occset.models.baselines.context_encoder"

NETWORK = Network(
    name="context-encoder",
    title="Context Encoder",
    says="an autoencoder with a channel-wise dense bottleneck, given the mask (Pathak et al. 2016)",
    does="deocclusion",
    task=f"{_HERE}.method:ContextEncoderTask",
    inference=f"{_HERE}.method:ContextEncoder",
    presets=f"{_HERE}.presets:PRESETS",
    options="occset.models.baselines.presets:Options",
    recipe="occset.models.baselines.released:CONTEXT_ENCODER",
    card="rivals.md",
    group="rivals",
    given=("mask",),
    chain="occset.models.baselines.chain:chain",
)
