"""What a curator does in the browser, as functions: log in, open a task, paint, choose, submit.

Points and masks are in pixels of the picture, whatever its size on the screen.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.common.exceptions import TimeoutException, WebDriverException  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webdriver import WebDriver  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NO_BROWSER = None if CHROMIUM and DRIVER else "chromium and chromedriver are not installed"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1440,1000"
)
NAMED_KEYS = {
    "Ctrl": Keys.CONTROL,
    "Alt": Keys.ALT,
    "Shift": Keys.SHIFT,
    "Enter": Keys.ENTER,
    "Space": Keys.SPACE,
    "Backspace": Keys.BACKSPACE,
    "Esc": Keys.ESCAPE,
}
HOTKEYS = {("brush", "face"): "1", ("brush", "occluder"): "2", ("polygon", "face"): "3", ("polygon", "occluder"): "4"}

_STATE = """
const annotation = window.Htx && Htx.annotationStore && Htx.annotationStore.selected;
if (!annotation || !annotation.regions) return null;
const picture = annotation.names.get('image');
return {
  type: annotation.type, task: Htx.task && Htx.task.id, id: annotation.pk, drawing: annotation.isDrawing,
  ready: !!(picture && picture.isReady && picture.currentImageEntity && picture.currentImageEntity.imageLoaded),
  regions: annotation.regions.filter(r => !r.classification).map(r => ({id: r.id, label: r.labelName, type: r.type,
    selected: r.inSelection, strokes: (r.touches || []).length, hidden: r.hidden})),
  brush: [...annotation.names.values()].filter(c => c.type.endsWith('labels'))
    .flatMap(c => c.selectedValues().map(v => [c.name, v])),
  tool: picture && picture.getToolsManager().findSelectedTool() && picture.getToolsManager().findSelectedTool().toolName,
  size: picture && picture.getToolsManager().findSelectedTool() && picture.getToolsManager().findSelectedTool().strokeWidth,
};
"""


@contextmanager
def browser(profile: Path) -> Iterator[WebDriver]:
    """A headless Chromium with an empty profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def wait(driver: WebDriver, what: str, condition: Callable[[WebDriver], Any], seconds: float = 30) -> Any:
    """Wait until ``condition(driver)`` is true; a script that meets a page in the making counts as not yet."""
    ignored = (WebDriverException,)
    waiting = WebDriverWait(driver, seconds, poll_frequency=0.05, ignored_exceptions=ignored)
    return waiting.until(condition, f"waited for {what}")


def click_until(driver: WebDriver, what: str, button: str, condition: Callable[[WebDriver], Any]) -> None:
    """Click all that a selector finds until something holds: a click on a box that still moves may go beside it."""

    def clicked(page: WebDriver) -> bool:
        if condition(page):
            return True
        for one in page.find_elements(By.CSS_SELECTOR, button):
            one.click()
        return False

    wait(driver, what, clicked)


def happens(driver: WebDriver, condition: Callable[[WebDriver], Any], seconds: float = 1) -> bool:
    """Whether ``condition(driver)`` comes true within some seconds."""
    try:
        return bool(wait(driver, "it", condition, seconds))
    except TimeoutException:
        return False


def state(driver: WebDriver) -> dict[str, Any] | None:
    """What the editor holds: the open annotation, its regions, label and tool in hand; None while nothing is open."""
    try:
        return driver.execute_script(_STATE)
    except WebDriverException:
        return None


def wait_for(driver: WebDriver, what: str, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Wait until the editor's state fulfils a condition; returns that state."""

    def fulfilled(page: WebDriver) -> Any:
        now = state(page)
        return now if now and condition(now) else None

    return wait(driver, what, fulfilled)


def log_in(driver: WebDriver, url: str, username: str, password: str) -> None:
    """Fill in the page that asks who one is."""
    driver.get(f"{url}/user/login/")
    driver.find_element(By.NAME, "email").send_keys(username)
    driver.find_element(By.NAME, "password").send_keys(password)
    driver.find_element(By.NAME, "password").submit()
    wait(driver, "the projects", lambda page: "/user/login" not in page.current_url)


def open_task(driver: WebDriver, url: str, project: int, task: int) -> dict[str, Any]:
    """Open one task in the data manager and wait until its picture is there."""
    driver.get(f"{url}/projects/{project}/data?task={task}")
    return wait_for(driver, f"task {task}", lambda now: now["ready"] and now["type"] == "annotation")


def open_stream(driver: WebDriver, url: str, project: int) -> dict[str, Any]:
    """Open the next task as "Label all tasks" does."""
    driver.get(f"{url}/projects/{project}/data?labeling=1")
    return wait_for(driver, "the label stream", lambda now: now["ready"] and now["type"] == "annotation")


def close_instruction(driver: WebDriver) -> None:
    """Close the guidelines, which the label stream shows first."""
    shown = ".lsf-modal-ls_visible button[aria-label='Close modal'], .ls-modal button[aria-label='Close modal']"
    wait(driver, "the guidelines", lambda page: page.find_elements(By.CSS_SELECTOR, shown))
    gone = ".occset-guidelines"
    click_until(driver, "the end of the guidelines", shown, lambda page: not page.find_elements(By.CSS_SELECTOR, gone))


def picture_box(driver: WebDriver) -> tuple[float, float, float, float, int, int]:
    """Left, top, width, height of the picture on the screen, and its own width and height in pixels.

    Parts of it may be hidden: zoomed in, it is larger than its frame.
    """
    script = """
    const picture = Htx.annotationStore.selected.names.get('image');
    const stage = picture.stageRef, frame = stage.container().getBoundingClientRect(), scale = stage.scaleX();
    return [frame.left + stage.x(), frame.top + stage.y(), picture.stageWidth * scale, picture.stageHeight * scale,
      picture.naturalWidth, picture.naturalHeight];
    """
    return tuple(wait(driver, "the picture", lambda page: page.execute_script(script)))


def settled_box(driver: WebDriver) -> tuple[float, float, float, float, int, int]:
    """`picture_box` once it stands still: panels that open or close move the picture for a moment."""
    boxes = [picture_box(driver)]

    def stands_still(page: WebDriver) -> bool:
        boxes.append(picture_box(page))
        return boxes[-1] == boxes[-2]

    wait(driver, "a picture that stands still", stands_still)
    return boxes[-1]


def press(driver: WebDriver, keys: str) -> None:
    """A key as the guidelines spell it, such as "E", "[" or "Ctrl+Shift+Z", whatever has the focus."""
    *held, last = keys.split("+")
    chain = ActionChains(driver)
    for name in held:
        chain.key_down(NAMED_KEYS[name])
    chain.send_keys(NAMED_KEYS.get(last, last.lower()))
    for name in reversed(held):
        chain.key_up(NAMED_KEYS[name])
    chain.perform()


def choose_label(driver: WebDriver, label: str, tool: str = "brush") -> None:
    """Take a label in hand by its hotkey."""
    press(driver, HOTKEYS[tool, label])
    wait_for(driver, f"{tool} {label}", lambda now: now["brush"] == [[tool, label]])


def on_screen(driver: WebDriver, points: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    """Where the centres of pixels (x, y) of the picture are on the screen, once the picture stands still."""
    left, top, width, height, natural_width, natural_height = settled_box(driver)
    return [
        (round(left + (x + 0.5) * width / natural_width), round(top + (y + 0.5) * height / natural_height))
        for x, y in points
    ]


def drag(driver: WebDriver, points: Sequence[tuple[float, float]]) -> None:
    """The mouse goes down on the first point and up on the last; points (x, y) are pixels of the picture."""
    places = on_screen(driver, points)
    chain = ActionChains(driver, duration=20)
    mouse = chain.w3c_actions.pointer_action
    mouse.move_to_location(*places[0])
    mouse.pointer_down()
    for x, y in places[1:]:
        mouse.move_to_location(x, y)
    mouse.pointer_up()
    chain.perform()


def click(driver: WebDriver, point: tuple[float, float]) -> None:
    """A click on a pixel (x, y) of the picture."""
    drag(driver, [point])


def paint_stroke(driver: WebDriver, points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Paint with what is in hand (brush or eraser); returns the state afterwards."""
    before = _strokes(state(driver))
    drag(driver, points)
    return wait_for(driver, "the stroke", lambda now: not now["drawing"] and _strokes(now) > before)


def draw_polygon(driver: WebDriver, points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Click the corners and then the first one again; returns the state afterwards."""
    before = len((state(driver) or {"regions": []})["regions"])
    for corner in points:
        click(driver, corner)
    wait(driver, "the first corner under the mouse", lambda page: _hovers_over_start(page, points[0]))
    click(driver, points[0])
    return wait_for(driver, "the polygon", lambda now: not now["drawing"] and len(now["regions"]) == before + 1)


def _hovers_over_start(driver: WebDriver, corner: tuple[float, float]) -> bool:
    """Move the mouse to the first corner of an open polygon; whether the page took note, as it does not of every event."""
    ((x, y),) = on_screen(driver, [corner])
    chain = ActionChains(driver, duration=20)
    for away in (20, 3, 0):
        chain.w3c_actions.pointer_action.move_to_location(x + away, y)
    chain.perform()
    is_over = "return Htx.annotationStore.selected.regions.some(r => r.mouseOverStartPoint)"
    return bool(driver.execute_script(is_over))


def write_comment(driver: WebDriver, text: str) -> None:
    """Write a comment; it has no hotkey, and needs no Enter."""
    driver.find_element(By.CSS_SELECTOR, ".occset-controls textarea").send_keys(text)


def _strokes(now: dict[str, Any] | None) -> int:
    return sum(region["strokes"] for region in now["regions"]) if now else 0


def unselect(driver: WebDriver) -> None:
    """Let go of the region in hand, so that the next stroke is a new one."""
    press(driver, "u")
    wait_for(driver, "no region in hand", lambda now: not any(r["selected"] for r in now["regions"]))


def selected(now: dict[str, Any] | None) -> list[int]:
    """Which regions are selected, the first is 0."""
    return [number for number, region in enumerate(now["regions"]) if region["selected"]] if now else []


def select_by_key(driver: WebDriver, number: int) -> None:
    """Press Alt+. until a region is selected, if it is not; the first is 0."""
    now = wait_for(driver, f"region {number}", lambda now: len(now["regions"]) > number)
    if selected(now) == [number]:
        return
    for _ in now["regions"]:
        before = selected(state(driver))
        press(driver, "Alt+.")
        if selected(wait_for(driver, "the next region", lambda now, b=before: selected(now) not in (b, []))) == [
            number
        ]:
            return
    raise AssertionError(f"Alt+. does not come to region {number}")


def warning(driver: WebDriver) -> str:
    """What the page says in a box of its own, which is then closed."""
    shown = wait(driver, "a warning", lambda page: page.find_elements(By.CSS_SELECTOR, ".ant-modal-confirm-content"))
    text = str(wait(driver, "its text", lambda page: shown[0].text))

    button, boxes = ".ant-modal-confirm-btns button", ".ant-modal-wrap, .ant-modal-mask"
    click_until(
        driver,
        "its end",
        button,
        lambda page: not any(b.is_displayed() for b in page.find_elements(By.CSS_SELECTOR, boxes)),
    )
    return text


def headings(driver: WebDriver, where: str = ".occset-controls") -> list[str]:
    """The headings that can be seen in a part of the page."""
    script = (
        "return [...document.querySelectorAll(arguments[0])].filter(h => h.offsetParent).map(h => h.innerText.trim())"
    )
    return list(driver.execute_script(script, f"{where} h4"))


def select_region(driver: WebDriver, number: int) -> None:
    """Click a region in the list at the side; the first is 0."""
    rows = wait(driver, "the list of regions", lambda page: page.find_elements(By.CSS_SELECTOR, ".lsf-tree__node"))
    rows[number].click()
    wait_for(driver, f"region {number} in hand", lambda now: now["regions"][number]["selected"])


def take_eraser(driver: WebDriver) -> None:
    """Take the eraser in hand; it works on the region in hand."""
    press(driver, "e")
    wait_for(driver, "the eraser", lambda now: "eras" in (now["tool"] or "").lower())


def choose(driver: WebDriver, name: str) -> None:
    """Tick a choice: a category, a quality, "needs discussion"."""

    def click_it(page: WebDriver) -> bool:
        _choice(page, name).find_element(By.XPATH, "./ancestor::label").click()
        return True

    wait(driver, f"the choice {name}", click_it)
    wait(driver, f"a tick at {name}", lambda page: is_chosen(page, name))


def is_chosen(driver: WebDriver, name: str) -> bool:
    """Whether a choice is ticked."""
    return bool(_choice(driver, name).is_selected())


def _choice(driver: WebDriver, name: str) -> WebElement:
    """The box of a choice, looked for anew: the page replaces a box that was clicked."""
    return driver.find_element(By.CSS_SELECTOR, f".occset-controls input[type=checkbox][name='{name}']")


def choices_shown(driver: WebDriver) -> list[str]:
    """Names of the choices that can be seen; asked in one go, since the page replaces them."""
    script = """
    return [...document.querySelectorAll('.occset-controls label')].filter(label => label.offsetParent)
      .map(label => label.querySelector('input').name);
    """
    return list(driver.execute_script(script))


def press_submit(driver: WebDriver) -> None:
    """Press Submit and wait for nothing: in the label stream the next task comes."""
    driver.find_element(By.CSS_SELECTOR, "button[aria-label='Submit current annotation']").click()


def zoom_in(driver: WebDriver, point: tuple[float, float], times: int = 4) -> float:
    """Turn the wheel over a point (x, y) of the picture with Ctrl held; returns how much larger it is on the screen."""
    left, top, width, height, natural_width, natural_height = picture_box(driver)
    x, y = (round(left + point[0] * width / natural_width), round(top + point[1] * height / natural_height))
    for _ in range(times):
        before = picture_box(driver)[2]
        scroll = {"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": -120, "modifiers": 2}
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", scroll)
        wait(driver, "a larger picture", lambda page, before=before: picture_box(page)[2] > before)
    return picture_box(driver)[2] / width


def submit(driver: WebDriver) -> int:
    """Press Submit; returns the number of the annotation that the server gave it."""
    press_submit(driver)
    return int(wait_for(driver, "the server's answer", lambda now: now["id"] and str(now["id"]).isdigit())["id"])


def screen_of_picture(driver: WebDriver) -> np.ndarray:
    """The picture with all that is drawn over it, as seen, (H, W, 3) uint8 of the picture's own size."""
    left, top, width, height, natural_width, natural_height = settled_box(driver)
    shot = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    part = shot.resize(
        (natural_width, natural_height), Image.Resampling.BILINEAR, (left, top, left + width, top + height)
    )
    return np.asarray(part)
