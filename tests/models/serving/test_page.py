"""The page in headless Chromium: with a real photo, with a built-in face, by mouse, by keys, and when something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.annotation import browser_steps as steps
from tests.annotation.browser_steps import By, Keys
from tests.models.serving.talking import Served

pytestmark = pytest.mark.skipif(steps.NO_BROWSER is not None, reason=str(steps.NO_BROWSER))

_NUMBERS = """
const done = arguments[arguments.length - 1], image = new Image();
image.onload = () => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  done([canvas.width, canvas.height, Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data)]);
};
image.src = arguments[0];
"""


@pytest.fixture(scope="module")
def page(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with steps.browser(tmp_path_factory.mktemp("profile")) as driver:
        driver.get(served.url)
        yield driver


def at(page: Any, name: str) -> Any:
    return page.find_element(By.ID, name)


def tab(page: Any) -> None:
    """Press the key that goes on, whatever has the focus."""
    steps.ActionChains(page).send_keys(Keys.TAB).perform()


def settle(page: Any) -> None:
    """Wait until nothing is under way."""
    steps.wait(
        page,
        "an answer",
        lambda p: not p.execute_script("return document.getElementById('state').hasChildNodes()"),
        120,
    )


def is_whole(page: Any, selector: str) -> bool:
    """Whether all pictures are there."""
    script = "return [...document.querySelectorAll(arguments[0])].every(i => i.complete && i.naturalWidth > 0)"
    return bool(page.execute_script(script, selector))


def picture(page: Any, address: str) -> np.ndarray:
    """What the browser makes of a picture, (H, W, 4) uint8."""
    width, height, values = page.execute_async_script(_NUMBERS, address)
    return np.array(values, np.uint8).reshape(height, width, 4)


def send(page: Any, file: Path) -> None:
    at(page, "file").send_keys(str(file))
    settle(page)


@pytest.fixture
def photo(real_data: Path) -> Path:
    """A real person who wears a mask."""
    return real_data / "faces_wearing_masks" / "085.jpg"


def test_a_real_photo_is_repaired_and_shown(page: Any, photo: Path) -> None:
    send(page, photo)
    assert at(page, "error").text == "" and at(page, "result").is_displayed()
    width, height = Image.open(photo).size
    assert at(page, "summary").text == f"{width} \u00d7 {height} pixels, 1 face; repaired."
    assert "not the person\u2019s true face" in at(page, "result").text
    steps.wait(page, "all pictures", lambda p: is_whole(p, "#result img"))
    before, after = (picture(page, at(page, which).get_attribute("src")) for which in ("before", "after"))
    truth = np.asarray(Image.open(photo).convert("RGB")).astype(int)
    assert before.shape == (height, width, 4) and np.abs(before[..., :3] - truth).mean() < 2
    changed = np.abs(before.astype(int) - after).max(axis=-1) > 8
    assert 0.02 < changed.mean() < 0.6
    captions = [caption.text for caption in page.find_elements(By.CSS_SELECTOR, "#faces figcaption")]
    assert [caption.split(":")[0] for caption in captions] == ["As it came", "Mask", "Render", "Outcome"]
    for name, end in (("save", "deoccluded"), ("save-mask", "mask")):
        assert at(page, name).get_attribute("download") == f"{photo.stem}-{end}.png"
    mask = picture(page, at(page, "save-mask").get_attribute("href"))
    assert not changed[mask[..., 0] == 0].any() and (mask[..., 0] > 0)[changed].all()


def test_the_border_moves_by_keys_and_by_mouse(page: Any) -> None:
    split, stage = at(page, "split"), at(page, "stage")
    if not at(page, "result").is_displayed():
        at(page, "example").click()
        settle(page)

    def shown() -> float:
        return float(page.execute_script("return document.getElementById('stage').style.getPropertyValue('--split')"))

    assert shown() == 0.5
    split.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert shown() == 0.48 and split.get_attribute("aria-valuetext").startswith("48 %")
    split.send_keys(Keys.HOME)
    assert shown() == 0.0
    box = stage.rect
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    chain = steps.ActionChains(page)
    chain.move_to_element_with_offset(split, int(box["width"] / 4), 0).click().perform()
    assert 0.7 < shown() < 0.8


def test_a_newcomer_needs_no_photo_and_no_mouse(page: Any, served: Served) -> None:
    page.get(served.url)
    names = []
    for _ in range(2):
        tab(page)
        names.append(page.switch_to.active_element.get_attribute("id"))
    assert names == ["file", "example"]
    at(page, "example").send_keys(Keys.ENTER)
    settle(page)
    assert at(page, "summary").text == "256 \u00d7 256 pixels, 1 face; repaired."
    assert page.switch_to.active_element.get_attribute("id") == "result"  # a screen reader goes on there
    tab(page)
    assert page.switch_to.active_element.get_attribute("id") == "split"


def test_a_photo_can_be_dropped(page: Any, tmp_path: Path) -> None:
    page.execute_script(
        "const data = new DataTransfer(); data.items.add(new File(['no picture'], 'a<b>.jpg', {type: 'image/jpeg'}));"
        "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));"
    )
    settle(page)
    assert at(page, "error").text.startswith("The photo is not a JPEG, PNG, WebP")


def test_what_is_wrong_is_said_in_a_sentence(page: Any, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (120, 130, 140)).save(tmp_path / "wall.png")
    send(page, tmp_path / "wall.png")
    assert at(page, "error").text.startswith("No face was found in this photo. Take one")
    assert at(page, "error").get_attribute("role") == "alert"
    with (tmp_path / "<img src=x onerror=alert(1)>.jpg").open("wb") as file:
        file.truncate(33 << 20)
    send(page, tmp_path / "<img src=x onerror=alert(1)>.jpg")
    assert at(page, "error").text == "<img src=x onerror=alert(1)>.jpg has 33 MB: a photo may have 32 MB at most."


def test_what_can_be_asked_for_has_a_name_for_screen_readers(page: Any) -> None:
    script = """
    const named = (e) => e.labels && e.labels.length || e.getAttribute('aria-label') || e.textContent.trim() || e.alt;
    return [...document.querySelectorAll('input, button, a, img, progress')].filter(e => !named(e)).map(e => e.outerHTML);
    """
    assert page.execute_script(script) == []
    assert page.execute_script("return document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_a_phone_and_a_desk_by_day_and_by_night(page: Any, scheme: str, width: int) -> None:
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        wide = page.execute_script("return document.documentElement.scrollWidth")
        colours = page.execute_script(
            "const s = getComputedStyle(document.body); return [s.color, s.backgroundColor].map(c => c.match(/[0-9]+/g))"
        )
        ink, paper = (_luminance([int(v) for v in colour]) for colour in colours)
        assert wide <= width
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 7  # contrast as WCAG counts it, AAA
        assert (ink > paper) == (scheme == "dark")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def _luminance(colour: list[int]) -> float:
    linear = [v / 3294.6 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_nothing_is_asked_from_elsewhere_and_nothing_is_stored(page: Any, served: Served) -> None:
    names = page.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert names and all(name.startswith((served.url, "blob:" + served.url)) for name in names)
    assert page.execute_script("return [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    complaints = [entry["message"] for entry in page.get_log("browser") if "422" not in entry["message"]]
    assert not complaints  # of the content security policy, say


def test_when_the_server_is_gone_the_page_says_so(page: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    page.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    page.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        at(page, "example").click()
        settle(page)
        assert at(page, "error").text == "The page\u2019s server does not answer. Is occset serve still running?"
    finally:
        page.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            offline | {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1},
        )
