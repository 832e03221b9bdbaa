"""The adapter of nvdiffrast: its calls against a stand-in that is as strict as it, and on a GPU against our own renderer."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.face import FaceModel
from occset.models.rendering import lighting, nvdiffrast
from occset.models.rendering.rasteriser import rasterise
from occset.models.rendering.render import Rendered, checked_renderer, render
from occset.support.errors import OccsetError
from tests.models.rendering.meshes import ball


class StandIn(ModuleType):
    """nvdiffrast.torch in range mode, as its documentation has it: checks what it is given, draws by our rasteriser."""

    class RasterizeCudaContext:
        def __init__(self, device: torch.device | None = None) -> None:
            self.device = device

    def __init__(self) -> None:
        super().__init__("nvdiffrast.torch")
        self.calls: list[str] = []

    def rasterize(
        self, glctx: Any, pos: Tensor, tri: Tensor, resolution: Any, ranges: Tensor | None = None, grad_db: bool = True
    ) -> tuple[Tensor, Tensor]:
        assert isinstance(glctx, self.RasterizeCudaContext)
        assert pos.dtype == torch.float32 and pos.ndim == 2 and pos.shape[1] == 4 and pos.is_contiguous()
        assert tri.dtype == torch.int32 and tri.ndim == 2 and tri.shape[1] == 3 and tri.is_contiguous()
        assert ranges is not None and ranges.dtype == torch.int32 and ranges.device.type == "cpu"
        assert ranges.ndim == 2 and ranges.shape[1] == 2 and len(resolution) == 2
        assert int(tri.max()) < len(pos)
        self.calls.append("rasterize")
        height, width = resolution
        pictures = []
        for first, many in ranges.tolist():
            own = tri[first : first + many].long()
            x, y, z = (pos[:, :3] / pos[:, 3:]).unbind(-1)
            assert ((z >= -1) & (z <= 1))[own].all(), "outside of the near and the far plane nothing is drawn"
            # the first row of its memory is the one at y = -1
            screen = torch.stack(((x + 1) * width / 2 - 0.5, (y + 1) * height / 2 - 0.5, pos[:, 3]), -1)[None]
            raster = rasterise(screen, own, height, width)
            number = torch.where(raster.face >= 0, raster.face + first + 1, 0)
            u, v = raster.barycentric[..., 0], raster.barycentric[..., 1]
            corner_z = z[own[raster.face.clamp_min(0)]]
            depth = (raster.barycentric * corner_z).sum(-1)
            pictures.append(torch.stack((u, v, depth, number.float()), -1)[0])
        found = torch.stack(pictures)
        return found, torch.zeros_like(found)

    def interpolate(self, attr: Tensor, rast: Tensor, tri: Tensor) -> tuple[Tensor, Tensor]:
        assert attr.dtype == torch.float32 and attr.ndim == 2 and attr.is_contiguous()
        assert rast.ndim == 4 and rast.shape[-1] == 4 and tri.dtype == torch.int32
        self.calls.append("interpolate")
        u, v, number = rast[..., 0], rast[..., 1], rast[..., 3].detach().long()
        corners = attr[tri.long()[(number - 1).clamp_min(0)]]
        weights = torch.stack((u, v, 1 - u - v), -1)[..., None]
        return (corners * weights).sum(-2) * (number > 0)[..., None], torch.zeros(0)

    def antialias(self, color: Tensor, rast: Tensor, pos: Tensor, tri: Tensor) -> Tensor:
        assert color.dtype == torch.float32 and color.ndim == 4 and color.is_contiguous()
        assert color.shape[:3] == rast.shape[:3] and pos.shape[1] == 4 and tri.dtype == torch.int32
        self.calls.append("antialias")
        return color


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    library, package = StandIn(), ModuleType("nvdiffrast")
    package.torch = library  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nvdiffrast", package)
    monkeypatch.setitem(sys.modules, "nvdiffrast.torch", library)
    monkeypatch.setattr(nvdiffrast, "_check_device", lambda device: None)
    nvdiffrast._context.cache_clear()
    yield library
    nvdiffrast._context.cache_clear()


def pictures_of(renderer: str, device: str = "cpu", cull: bool = True) -> Rendered:
    """Two turned faces, one of them from its side, where the open mesh would show its inside."""
    model = procedural_model().coarse.to(device)
    light = torch.zeros(2, 9, device=device)
    light[:, 0] = 0.6 * lighting.AMBIENT
    light = light + lighting.directional(torch.tensor([0.5, 0.4, 0.75], device=device), 0.5)
    pose = torch.tensor([[0.2, 0.4, 0.1, 12, -15, -900.0], [-0.1, -1.3, 0, -4, 8, -700.0]], device=device)
    vertices = model.mean.expand(2, -1, -1)
    colours = model.mean_albedo.expand(2, -1, -1)
    return render(vertices, model.triangles, colours, pose, light, 96, 400.0, cull=cull, renderer=renderer)


def same_inside(ours: Rendered, theirs: Rendered, sharp: Rendered) -> None:
    """Within 1e-3 wherever we blend nothing, that is away from silhouettes; ``sharp`` is our picture without blending."""
    inside = (ours.image == sharp.image).all(1) & (ours.mask == 1)
    assert inside.sum() > 0.85 * (ours.face >= 0).sum()
    assert (ours.image - theirs.image).abs().amax(1)[inside].max() < 1e-3
    assert (ours.depth - theirs.depth).abs()[inside].max() < 0.05
    assert (ours.face == theirs.face)[inside].float().mean() > 0.99  # a pixel on an edge may see either triangle
    assert (theirs.face[ours.mask == 0] == -1).all() and (theirs.depth[ours.mask == 0] == 0).all()


def sharp_pictures(monkeypatch: pytest.MonkeyPatch, cull: bool = True) -> Rendered:
    with monkeypatch.context() as patched:
        patched.setattr("occset.models.rendering.render.blend", lambda pictures, found: pictures)
        return pictures_of("torch", cull=cull)


@pytest.mark.parametrize("cull", [True, False])
def test_its_calls_keep_the_contract_and_the_picture_is_ours(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, cull: bool
) -> None:
    theirs = pictures_of("nvdiffrast", cull=cull)
    assert stand_in.calls == ["rasterize", "interpolate", "antialias"]
    same_inside(pictures_of("torch", cull=cull), theirs, sharp_pictures(monkeypatch, cull))
    assert theirs.image.shape == (2, 3, 96, 96) and theirs.mask.shape == (2, 96, 96)


def test_gradients_pass_through_its_calls(stand_in: StandIn) -> None:
    points, triangles = ball()
    gradients = []
    for renderer in ("torch", "nvdiffrast"):
        vertices = points[None].float().requires_grad_()
        colours = torch.full_like(vertices, 0.5).requires_grad_()
        light = torch.zeros(1, 9)
        light[0, :4] = 2.0
        pose = torch.tensor([[0.1, 0.2, 0, 0, 0, -600.0]])
        seen = render(vertices, triangles, colours, pose, light, 48, 500.0, renderer=renderer)  # fills the picture
        assert (seen.face >= 0).all() or renderer == "nvdiffrast"
        (seen.image[..., 8:40, 8:40] * torch.linspace(0, 1, 32)).sum().backward()
        gradients.append((vertices.grad, colours.grad))
    for ours, theirs in zip(*gradients, strict=True):
        assert ours is not None and theirs is not None
        assert torch.nn.functional.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 0.999


def test_clip_space() -> None:
    """The picture's corners lie half a pixel beyond the outer centres; y runs down; near is -1, far is 1."""
    screen = torch.tensor([[[-0.5, -0.5, 100.0], [31.5, 31.5, nvdiffrast.NEAR], [15.5, 15.5, nvdiffrast.FAR]]])
    clip = nvdiffrast.clip_space(screen.double(), 32)[0]
    over_w = (clip / clip[:, 3:]).tolist()
    assert over_w[0][:2] == [-1, -1] and over_w[1][:2] == [1, 1] and over_w[2][:2] == [0, 0]
    assert over_w[1][2] == pytest.approx(-1) and over_w[2][2] == pytest.approx(1)
    assert clip[:, 3].tolist() == [100, nvdiffrast.NEAR, nvdiffrast.FAR]


def test_one_that_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nvdiffrast", None)
    with pytest.raises(OccsetError, match="install it from its makers' source"):
        pictures_of("nvdiffrast")


def test_without_a_gpu_it_says_so(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "nvdiffrast", ModuleType("nvdiffrast"))
    monkeypatch.setitem(sys.modules, "nvdiffrast.torch", stand_in)
    monkeypatch.setattr(sys.modules["nvdiffrast"], "torch", stand_in, raising=False)
    with pytest.raises(OccsetError, match="an NVIDIA GPU only"):
        pictures_of("nvdiffrast")


def test_a_renderer_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="torch, nvdiffrast, not 'opengl'"):
        pictures_of("opengl")


NO_GPU = not torch.cuda.is_available()


@pytest.mark.skipif(NO_GPU, reason="no GPU")
def test_our_own_renderer_draws_the_same_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = pictures_of("torch"), pictures_of("torch", "cuda")
    same_inside(here, Rendered(*(each.cpu() for each in there)), sharp_pictures(monkeypatch))
    assert (here.mask - there.mask.cpu()).abs().mean() < 1e-3


@pytest.mark.skipif(NO_GPU or importlib.util.find_spec("nvdiffrast") is None, reason="no GPU, or no nvdiffrast")
def test_nvdiffrast_draws_the_same_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = Rendered(*(each.cpu() for each in pictures_of("nvdiffrast", "cuda")))
    same_inside(pictures_of("torch"), theirs, sharp_pictures(monkeypatch))


def test_a_face_is_drawn_by_the_renderer_that_it_names(stand_in: StandIn) -> None:
    face = FaceModel(procedural_model())
    parts = face.layout.split(torch.zeros(1, face.layout.size))
    parts.pose[:, 5] = -1000.0
    torch_view = face(parts, 48)
    assert stand_in.calls == []
    face.renderer = checked_renderer("nvdiffrast")
    assert torch.equal(face(parts, 48).face >= 0, torch_view.face >= 0)
    assert stand_in.calls == ["rasterize", "interpolate", "antialias"]


def test_a_renderer_that_is_not_here_is_told_before_anything_is_done() -> None:
    assert checked_renderer("torch") == "torch"
    with pytest.raises(OccsetError, match=r"no renderer is called .nvdifrast.: did you mean nvdiffrast\?"):
        checked_renderer("nvdifrast")
    if importlib.util.find_spec("nvdiffrast") is None:
        with pytest.raises(OccsetError, match="nvdiffrast is not installed"):
            checked_renderer("nvdiffrast")
