"""Everything that can be chosen: sources, preprocessing, network, decoding, display."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import streamlit as st

import examples
from core.colors import PALETTES, palette_colors, palette_from_file
from core.image import read_guarded
from core.presets import PRESETS, preset_of
from core.settings import BANDS, CONTROLS, HINTS, PART_OF, SLICE, WINDOW, Triple, flatten
from core.version import VERSION
from pages.components.runs import run_banner
from pages.components.state import files, session, sources, uploads
from pages.components.widgets.bound import show_bound
from pages.components.widgets.uploading import ask_for_files

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from streamlit.delta_generator import DeltaGenerator

    from core.architectures import Choice
    from core.image import ImageFacts

PICTURES = ["png", "jpg", "jpeg", "webp", "avif", "heic", "heif", "jp2", "j2k"]
PICTURES += ["bmp", "tif", "tiff", "gif", "npy", "npz", "nii", "gz"]
NO_TRUTH = "none"
FOLDER = "A folder of Hugging Face or SMP: choose its files at once, or its ZIP."
BANDED = (
    "One file for each band (nnU-Net's _0000, _0001; a satellite's B02, B03): choose them at once. "
    "Many pictures have a page of their own."
)

# The order under "Resize, dtype and more"; a new setting of the part comes behind these.
MORE = ("resize", "height", "width", "side", "multiple", "pad_color", "interpolation",
        "orientation", "divide_again", "zscore", "depth", "dtype")  # fmt: skip


def show_sources() -> None:
    """Draw only what is open."""
    with st.sidebar:
        if (run := session.shared_run()) is not None:
            run_banner.show_at_rest(run)
            return
        _picture()
        _checkpoint()


def show() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Draw the sidebar.

    Returns:
        The places for `show_bands` and `show_choices`, once picture and network are known.
    """
    with st.sidebar:
        if (run := session.shared_run()) is not None:
            run_banner.show_at_rest(run)
            return st.container(), st.container()
        _picture()
        bands = st.container()
        _checkpoint()
        _preprocessing()
        facts = _network()
        _decoding()
        _display()
        st.caption(f"Maskscope {VERSION}")
    return bands, facts


# --- sources --------------------------------------------------------------------------------------


def _picture() -> None:
    st.subheader("Picture")
    names = [f"example:{path.stem}" for path in examples.SCENES]
    _source("Picture", "picture", names, files.picture_name)
    _uploader("Upload a picture", "picture", PICTURES, several=BANDED)
    with st.expander("Ground truth"):
        current = session.sources().truth
        st.caption("Ids as gray values or a palette PNG, or colors of the chosen palette.")
        st.text(f"Now: {files.picture_name(current)}")
        _uploader("Upload a mask", "truth", PICTURES)
        if current:
            st.button("Remove", on_click=session.open_source, kwargs={"truth": ""})


def _checkpoint() -> None:
    st.subheader("Checkpoint")
    names = ["example", *files.allowed_files()]
    names += [f"torchvision:{name}" for name in sources.TORCHVISION_NAMES]
    _source("Checkpoint", "checkpoint", names, files.checkpoint_name)
    types = [suffix.removeprefix(".") for suffix in (*sources.WEIGHTS, *sources.BESIDE)]
    _uploader("Upload a checkpoint", "checkpoint", types, several=FOLDER)
    st.page_link("pages/checkpoint.py", label="Look inside this file", icon=":material/search:")


def _source(label: str, kind: str, names: list[str], call_it: Callable[[str], str]) -> None:
    """Draw the list of what can be opened."""
    current = getattr(session.sources(), kind)
    if current not in names:
        names = [current, *names]  # an upload is a choice like the others

    def chosen(picked: str) -> None:
        truth = {"truth": picked if picked.startswith("example:") else "", "saved": ""}
        session.open_source(**{kind: picked}, **(truth if kind == "picture" else {}))

    show_bound(
        st.selectbox, label, f"source_{kind}", current, chosen, options=names,
        format_func=call_it, label_visibility="collapsed",
    )  # fmt: skip


def ask_for(label: str, kind: str) -> None:
    """Draw an uploader of a picture outside the sidebar."""
    _uploader(label, kind, PICTURES)


def _uploader(label: str, kind: str, types: list[str], *, several: str = "") -> None:
    """Draw an uploader of one field of `Sources`.

    Args:
        label: what stands above it.
        kind: the field.
        types: extensions.
        several: what files are that are chosen at once; "" where only one is taken.
    """
    ask_for_files(
        label, kind, types, lambda chosen: uploads.upload_together(kind, chosen),
        several=bool(several), hint=several or None,
    )  # fmt: skip


# --- settings -------------------------------------------------------------------------------------


def _preprocessing() -> None:
    st.subheader("Preprocessing")
    _presets()
    _ask("color", "scale")
    if session.settings().preprocessing.zscore:
        st.caption("Mean and std are those of the picture itself.")
    else:
        _ask("mean", "std")
    with st.expander("Resize, dtype and more"):
        drawn = (*BANDS, *SLICE, *WINDOW, "color", "scale", "mean", "std", *MORE)
        _ask(*MORE, *_others("preprocessing", *drawn))


def _presets() -> None:
    current = preset_of(session.settings())

    def chosen(name: str) -> None:
        if name in PRESETS:
            session.choose_preset(name)

    show_bound(
        st.selectbox,
        "Preset",
        "preset_choice",
        current or "own",
        chosen,
        options=[*PRESETS, *([] if current else ["own"])],
        format_func=lambda name: PRESETS[name].label if name in PRESETS else "own values",
        help="How pictures were normalized in training. "
        + "; ".join(f"{preset.label}: {preset.used_by}" for preset in PRESETS.values()),
    )
    with st.container(horizontal=True):
        for name in ("imagenet", "unit", "symmetric"):
            label = PRESETS[name].label.replace(" mean/std", "")
            st.button(label, key=f"preset_{name}", on_click=session.choose_preset, args=(name,))
        st.button("Reset", on_click=session.reset, help="Defaults, and the preset last chosen")


def show_bands(facts: ImageFacts) -> None:
    """Ask which bands are red, green and blue, which slice, and which window, where it has them."""
    if facts.volume:
        _ask_slice(facts)
    if facts.window is not None:
        _ask_window(facts.window)
    if facts.bands <= len(BANDS):
        return
    for column, name, band in zip(st.columns(3), BANDS, facts.chosen, strict=True):
        show_bound(
            column.selectbox, CONTROLS[name].label, f"set_{name}", band, _setter(name),
            options=list(range(1, facts.bands + 1)),
            help=f"The file has {facts.bands} bands; a network of three channels is fed these.",
        )  # fmt: skip


def _ask_slice(facts: ImageFacts) -> None:
    """Of a volume: the axis that is cut, and where."""
    axis, place = facts.cut
    _choice("slice_axis")
    if (last := facts.volume[axis - 1]) > 1:
        show_bound(
            st.slider, "Slice", "set_slice_index", place, _setter("slice_index"),
            min_value=1, max_value=last,
            help=f"The volume has {' x '.join(map(str, facts.volume))} voxels (x, y, z).",
        )  # fmt: skip


def _ask_window(window: tuple[float, float]) -> None:
    """Which samples are shown as black and white, by their middle and their distance."""
    left, right = st.columns(2)
    with left:
        _ask("window_level")
    with right:
        _ask("window_width")
    st.caption(f"Shown: {window[0]:g} to {window[1]:g}")


def show_choices(choices: Sequence[Choice]) -> None:
    """Ask what no tensor tells; each says what was taken and why."""
    for choice in choices:
        show_bound(
            st.selectbox, choice.name.capitalize(), f"fact_{choice.name}", choice.taken,
            partial(session.choose_fact, choice.name), options=choice.options,
            help=f"No tensor tells this. Taken: {choice.taken} ({choice.source}).",
        )  # fmt: skip


def _network() -> DeltaGenerator:
    with st.expander("Network"):
        facts = st.container()  # filled when the network is known
        _ask(*_others("forwarding"))
    return facts


def _decoding() -> None:
    st.subheader("Decoding")
    _ask(*_others("decoding"))


def _display() -> None:
    st.subheader("Display")
    display = session.settings().display
    custom = bool(display.custom) or display.palette == "custom"
    names = [name for name in PALETTES if name != "custom" or custom]
    _bound(st.selectbox, "palette", options=names, format_func=PALETTES.get)
    _ask("alpha")
    with st.expander("Colors, names, ignored id"):
        _custom_palette()
        _class_names()
        _ask(*_others("display", "palette", "custom", "alpha", "class_names"))


def _custom_palette() -> None:
    display = session.settings().display
    colors = palette_colors(display, 256)
    left, right = st.columns(2, vertical_alignment="bottom")
    class_id = left.number_input("Color of class", 0, 255, 0, key="color_of")
    now = "#" + bytes(colors[class_id]).hex()

    def recolor(picked: str) -> None:
        custom = ["#" + bytes(color).hex() for color in colors]
        custom[class_id] = picked
        session.choose(custom=tuple(custom), palette="custom")

    show_bound(right.color_picker, "Color", f"color of {class_id}", now, recolor)
    ask_for_files("Palette from JSON or a palette PNG", "palette", ["json", "png"], _take_palette)


def _take_palette(chosen: Sequence[Any]) -> None:
    colors = palette_from_file(chosen[0].getvalue(), read=read_guarded)
    session.choose(custom=colors, palette="custom")


def _class_names() -> None:
    def renamed(lines: str) -> None:
        session.choose(class_names=tuple(lines.splitlines()))

    names = "\n".join(session.settings().display.class_names)
    show_bound(st.text_area, CONTROLS["class_names"].label, "names", names, renamed,
               placeholder="as the checkpoint says, if it does")  # fmt: skip


# --- widgets whose value is a setting -------------------------------------------------------------


def _others(part: str, *drawn: str) -> list[str]:
    """The settings of a part that have no place of their own, as their fields stand."""
    return [name for name in CONTROLS if PART_OF[name] == part and name not in drawn]


def _ask(*names: str) -> None:
    """Draw the control of each setting that has a meaning beside the others."""
    now = flatten(session.settings())
    for name in names:
        beside = CONTROLS[name].beside
        if beside is None or now[beside[0]] in beside[1]:
            _drawing(HINTS[name])(name)


def _drawing(hint: Any) -> Callable[[str], None]:
    """Which control a value of this type has."""
    if hint is bool:
        return partial(_bound, st.checkbox)
    if hint == Triple:
        return _triple
    return _number if hint in (int, float) else _choice


def _bound(widget: Callable[..., Any], name: str, **options: Any) -> None:
    value = flatten(session.settings())[name]
    show_bound(widget, CONTROLS[name].label, f"set_{name}", value, _setter(name), **options)


def _setter(name: str) -> Callable[[Any], None]:
    """What takes a choice of this setting."""
    return lambda chosen: session.choose(**{name: chosen})


def _choice(name: str) -> None:
    words = CONTROLS[name].words
    _bound(
        st.selectbox,
        name,
        options=get_args(HINTS[name]),
        format_func=lambda value: words.get(value, value),
    )


def _number(name: str) -> None:
    if HINTS[name] is int:
        _bound(st.number_input, name, step=1, format="%d")
    else:
        _bound(st.number_input, name, step=CONTROLS[name].step, format="%.6g")


def _triple(name: str) -> None:
    control = CONTROLS[name]
    values = flatten(session.settings())[name]
    color = session.settings().preprocessing.color
    channels = {"rgb": "RGB", "bgr": "BGR", "gray": "Y"}[color]
    places = zip(st.columns(len(channels)), channels, strict=True)
    for index, (column, channel) in enumerate(places):

        def changed(number: float, index: int = index) -> None:
            now = list(flatten(session.settings())[name])
            now[index] = number
            session.choose(**{name: tuple(now)})

        show_bound(
            column.number_input, f"{control.label} {channel}", f"set_{name}_{index}",
            float(values[index]), changed, format="%.6g", step=control.step,
        )  # fmt: skip
