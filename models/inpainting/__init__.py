"""NG: the network that paints the face without what hid it."""

from dataclasses import replace

from occset.models.registry import Network

_HERE = "occset.models.inpainting"

NETWORK = Network(
    name="ng",
    title="NG",
    says="the face without what hid it",
    does="inpainting",
    task=f"{_HERE}.task:InpaintingTask",
    inference=f"{_HERE}.painter:FacePainter",
    presets=f"{_HERE}.presets:PRESETS",
    options=f"{_HERE}.presets:Options",
    recipe=f"{_HERE}.released:RECIPE",
    card="ng.md",
    group="all",
    chain=f"{_HERE}.released:chain",
)

WITHOUT_SSIM = replace(
    NETWORK,
    name="ng-no-ssim",
    title="NG without Lsm",
    says="NG that was trained without the loss of structure (Eq. 11), the paper's ablation",
    task=f"{_HERE}.task:TaskWithoutStructure",
    inference=f"{_HERE}.painter:PainterWithoutStructure",
    recipe=f"{_HERE}.released:WITHOUT_SSIM_RECIPE",
    group="",
    chain="",
)

AS_LONG_AS_RIVALS = replace(
    NETWORK,
    name="ng-25k",
    title="NG at 25k",
    says="NG that saw as many samples as the rivals, for tables at equal budget",
    task=f"{_HERE}.task:TaskAtEqualBudget",
    inference=f"{_HERE}.painter:PainterAtEqualBudget",
    recipe=f"{_HERE}.released:EQUAL_BUDGET_RECIPE",
    group="",
    chain="",
)
