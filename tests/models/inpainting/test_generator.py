"""Generators of every preset, what goes in, what comes out, and trunks that go on at another size."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from occset.models.inpainting.architecture import ARCHITECTURES, INPUTS, Architecture
from occset.support.errors import OccsetError

SMALL = Architecture(16, 2, (8, 16), (1, 2), (1,), 4)


def parts(size: int = 16, batch: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.rand(batch, count, size, size, generator=generator) for name, count in INPUTS.items()}


@pytest.mark.parametrize("name", ["demo", "laptop", "laptop-256"])
def test_presets_paint_pictures(name: str) -> None:
    architecture = ARCHITECTURES[name]
    generator = architecture.build().eval()
    side = architecture.stride * 4  # fully convolutional
    with torch.no_grad():
        found = generator(torch.rand(1, architecture.channels, side, side))
    assert found.shape == (1, 3, side, side)
    assert 0 <= found.min() < found.max() <= 1


def test_the_laptop_is_as_large_as_it_says() -> None:
    count = sum(p.numel() for p in ARCHITECTURES["laptop"].build().parameters())
    assert 3.3e6 < count < 3.7e6
    assert ARCHITECTURES["laptop"].channels == 7


def test_a_picture_does_not_depend_on_the_others_in_the_batch() -> None:
    generator = SMALL.build().eval()
    x = generator.stack(parts())
    with torch.no_grad():
        assert torch.allclose(generator(x)[1:], generator(x[1:]), atol=1e-6)


def test_inputs_are_stacked_in_order_and_found_again() -> None:
    architecture = Architecture(16, 2, (8,), (1,), (), 4, ("noisy", "hidden", "mirrored", "valid"))
    generator = architecture.build()
    given = parts()
    x = generator.stack(dict(reversed(given.items())))
    assert x.shape == (2, 8, 16, 16)
    assert torch.equal(x[:, 3:4], given["hidden"])
    assert torch.equal(generator.part(x, "mirrored"), given["mirrored"])
    assert torch.equal(generator.part(x, "valid"), x[:, 7:])
    with pytest.raises(OccsetError, match=r"takes hidden as \(B, 1, H, W\), and was given nothing"):
        generator.stack({name: value for name, value in given.items() if name != "hidden"})
    with pytest.raises(OccsetError, match=r"takes valid .* given \(2, 3, 16, 16\)"):
        generator.stack({**given, "valid": given["noisy"]})


def test_a_residual_begins_at_its_base() -> None:
    given = parts()
    one = Architecture(16, 2, (8,), (1,), (), 4, ("noisy", "render", "hidden"), ("render",)).build()
    base = given["render"].clamp(0.01, 0.99)
    assert torch.allclose(one(one.stack(given)), base, atol=1e-5)
    two = Architecture(16, 2, (8,), (1,), (), 4, ("noisy", "render", "hidden", "linear"), ("render", "linear")).build()
    mean = (base + given["linear"].clamp(0.01, 0.99)) / 2
    assert torch.allclose(two(two.stack(given)), mean, atol=1e-5)
    # the mixture is learned place by place: all for the second base in the first of four subpixels
    two.head.bias.data[4 * 4] = 50  # channels 12..15 mix the first base, 16..19 the second
    found = two(two.stack(given))
    assert torch.allclose(found[..., ::2, ::2], given["linear"].clamp(0.01, 0.99)[..., ::2, ::2], atol=1e-5)
    assert torch.allclose(found[..., 1::2, 1::2], mean[..., 1::2, 1::2], atol=1e-5)


def test_every_parameter_learns() -> None:
    generator = Architecture(16, 2, (8, 16), (1, 2), (1,), 4, ("noisy", "render", "hidden"), ("render",)).build()
    generator.trunk.attention.scale.data.fill_(0.1)
    generator.head.weight.data.normal_(std=0.1)
    generator(generator.stack(parts())).square().mean().backward()
    silent = [name for name, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    # who asks whom does not depend on what all keys have in common
    assert silent in ([], ["trunk.attention.looks.bias"])


@pytest.mark.parametrize(("bases", "times"), [((), 2), (("render",), 2), (("render", "linear"), 4)])
def test_a_larger_one_begins_by_painting_what_the_smaller_one_painted_enlarged(
    bases: tuple[str, ...], times: int
) -> None:
    inputs = ("noisy", "render", "hidden", "linear")
    small = Architecture(32, 2, (8, 16), (1, 1), (1,), 2, inputs, bases, linear_size=8, linear_axes=2)
    old = small.build().eval()
    for parameter in old.parameters():
        parameter.data.normal_(std=0.2)
    new = replace(small, size=32 * times, unshuffle=2 * times).build().eval()
    new.grow_from(old.state_dict())
    x = torch.rand(2, 10, 32, 32)
    with torch.no_grad():
        expected = enlarged(old(x), times)
        assert torch.allclose(new(enlarged(x, times)), expected, atol=2e-4)
        assert expected.std() > 0.05


def enlarged(pictures: Tensor, times: int) -> Tensor:
    return pictures.repeat_interleave(times, 2).repeat_interleave(times, 3)


def test_one_that_folds_other_squares_is_not_grown_from() -> None:
    small = Architecture(48, 3, (8, 16), (1, 1), (1,), 2)
    with pytest.raises(OccsetError, match="another generator"):
        replace(small, size=32, unshuffle=4).build().grow_from(small.build().state_dict())


def test_an_architecture_comes_back_from_its_file() -> None:
    for architecture in ARCHITECTURES.values():
        assert Architecture(**json.loads(json.dumps(architecture.to_dict()))) == architecture


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 100}, "size is 100, it must be a multiple of 8"),
        ({"widths": (32, 64, 4096)}, "widths"),
        ({"blocks": (1, 2)}, "blocks"),
        ({"decoder_blocks": (1, 2, 4)}, "decoder_blocks"),
        ({"attention": 7}, "attention is 7"),
        ({"inputs": ("render", "noisy")}, "inputs"),
        ({"inputs": ("noisy", "what")}, "inputs"),
        ({"residual_on": ("hidden",)}, "residual_on"),
        ({"residual_on": ("linear",)}, "residual_on"),
        ({"unshuffle": 0}, "unshuffle"),
    ],
)
def test_what_cannot_be_built_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(OccsetError, match=said):
        Architecture(**change)  # type: ignore[arg-type]


def test_a_generator_that_is_given_more_begins_where_the_smaller_one_was() -> None:
    torch.manual_seed(0)
    small = replace(ARCHITECTURES["demo"], residual_on=("render",))
    old = small.build()
    torch.nn.init.normal_(old.head.weight, std=0.02)
    torch.nn.init.normal_(old.head.bias, std=0.1)
    new = replace(
        small, inputs=(*small.inputs, "linear"), residual_on=("render", "linear"), linear_size=8, linear_axes=2
    ).build()
    new.grow_from(old.state_dict())
    x = torch.rand(2, 7, 64, 64)
    with torch.no_grad():  # both bases alike: what is mixed is the one base of before
        assert torch.allclose(new(torch.cat([x, x[:, 3:6]], 1)), old(x), atol=1e-5)


@pytest.mark.parametrize("change", [{"widths": (16, 64)}, {"blocks": (1, 3)}, {"blocks": (1, 1)}, {"attention": 0}])
def test_another_trunk_is_not_grown_from(change: dict[str, Any]) -> None:
    small = ARCHITECTURES["demo"]
    new = replace(small, inputs=(*small.inputs, "linear"), linear_size=8, linear_axes=2).build()
    with pytest.raises(OccsetError, match="another generator"):
        new.grow_from(replace(small, **change).build().state_dict())
