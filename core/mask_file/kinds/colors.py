"""Files in color, and what was made of them."""

from core.mask_file.kinds.ids import COLORED
from core.mask_file.kinds.kind import Kind

KINDS = (
    Kind(
        id="colored",
        title="A mask in the colors of a known palette",
        weight="fine",
        what="Every color is one of a published palette, so that the ids follow from the colors.",
        found_by="All colors of regions are in the palette.",
        only_checkpoint="Whether these are the right classes.",
        fix="Where ids are needed, look the colors up.",
        code="""ids_by_color = {tuple(color): k for k, color in enumerate(palette.tolist())}
labels = np.array([[ids_by_color[tuple(p)] for p in row] for row in rgb.tolist()])""",
    ),
    Kind(
        id="other_colors",
        title="A colored mask of a palette that is not known here",
        weight="fine",
        what="The file is a clean mask of few colors.",
        found_by="Regions of few colors with nothing between.",
        only_checkpoint="Which class each color stands for.",
        fix="Where ids are needed, look the colors up in your own palette.",
        code="""colors, ids = np.unique(rgb.reshape(-1, 3), axis=0, return_inverse=True)
labels = ids.reshape(rgb.shape[:2])  # in the order of the colors""",
    ),
    Kind(
        id="bgr_palette",
        title="A palette written in BGR",
        weight="fault",
        what="""
        `cv2.imwrite` takes blue, green, red. A palette in RGB comes out with red and blue
        exchanged.
        """,
        found_by="The colors are those of a known palette only when red and blue are exchanged.",
        only_checkpoint="Whether these are the right classes.",
        fix="Reverse the channels before they are written.",
        code='cv2.imwrite("mask.png", palette[labels][..., ::-1])',
    ),
    Kind(
        id="palette_luminance",
        title="Palette colors turned into brightness",
        weight="fault",
        what="""
        A colored mask, or one with a palette, was read or written in gray: `convert("L")`,
        `cv2.IMREAD_GRAYSCALE`. Ids have become brightnesses (VOC's 1, 2, 3 are 38, 75, 113), and
        colors of the same brightness have become one.
        """,
        found_by="All values are brightnesses of the colors of one known palette.",
        only_checkpoint="Whether these are the right classes.",
        fix="Keep the indices of a palette; look colors up instead of mixing them.",
        code='labels = np.array(Image.open("mask.png"))  # mode P: the indices themselves',
    ),
    Kind(
        id="color_map",
        title="Ids drawn with a color map",
        weight="fault",
        what="""
        `plt.imsave` and `cv2.applyColorMap` draw numbers, not classes: they stretch what they find
        (or, cv2, do not), and the same class has another color in the next picture. The file holds
        colors where a loader expects ids.
        """,
        found_by="All colors of regions stand in the table of one color map.",
        only_checkpoint="""
        Which classes they are: a color map knows the order of the ids, not their numbers.
        """,
        fix="Draw with a palette that has one color for each class, and write ids as they are.",
        code=COLORED,
    ),
    Kind(
        id="heat_map",
        title="A heat map: scores drawn with a color map",
        weight="fault",
        what="Smooth values, a probability or a logit, in a color map. No class is decided.",
        found_by="Many neighboring colors of one color map, and no regions.",
        only_checkpoint="The scores behind it, and where the classes part.",
        fix="Take the argmax or a threshold, then a palette.",
        code="mask = palette[logits.argmax(1)[0].cpu().numpy()]",
    ),
    Kind(
        id="figure",
        title="A screenshot of a figure, with axes and margins",
        weight="fault",
        what="""
        `plt.savefig` writes the whole figure: white margins, ticks, a picture that was resized. Its
        pixels are not those of the mask.
        """,
        found_by="Margins of one light color on all sides, and inside a frame a picture in colors.",
        only_checkpoint="The mask itself, pixel by pixel.",
        fix="Write the array, not the figure.",
        code=COLORED,
    ),
    Kind(
        id="palette_as_fractions",
        title="Colors from 0 to 1, cast to whole numbers",
        weight="fault",
        what="""
        Colors of matplotlib are fractions. Cast to 8 bits without a multiplication they are 0 or 1
        of 255: black.
        """,
        found_by="All channels hold 0 and 1 only, in several colors.",
        only_checkpoint="Which classes became one color.",
        fix="Multiply the palette by 255.",
        code="palette = (np.array(colors) * 255).round().astype(np.uint8)",
    ),
    Kind(
        id="dark_colors",
        title="Colors that nobody can tell from black",
        weight="fault",
        what="The mask is in color, and every color of it is nearly black.",
        found_by="All colors have a brightness under 16 of 255.",
        only_checkpoint="Which class each color stands for.",
        fix="Choose brighter colors.",
        code=COLORED,
    ),
    Kind(
        id="jpeg_ghosts",
        title="A mask saved as JPEG",
        weight="fault",
        what="""
        JPEG keeps the look and not the numbers: around every edge there are values that are no
        class. Saving it as PNG afterwards keeps them.
        """,
        found_by="""
        Regions of few values, and around their edges values beyond and between them; or the file is
        a JPEG.
        """,
        fix="Save masks as PNG. What is in this file is drawn with the nearest value of a region.",
        code='Image.fromarray(mask).save("mask.png")',
    ),
    Kind(
        id="resized",
        title="A mask resized with interpolation",
        weight="fault",
        what="""
        Between the ids 1 and 5 a bilinear resize invents 2, 3 and 4: a seam of classes at every
        edge. It is the default of `cv2.resize`, and bicubic is that of Pillow. Antialiased drawing
        does the same.
        """,
        found_by="At most edges there is a value between those of both sides.",
        fix="Resize labels to the nearest pixel, or logits before the decision.",
        code="mask = mask.resize(size, Image.Resampling.NEAREST)",
    ),
    Kind(
        id="dithered",
        title="Dithered to black and white",
        weight="fault",
        what="""
        `convert("1")` turns grays into a pattern of dots. Ids become a few scattered dots, and
        probabilities a newspaper print.
        """,
        found_by="Two values, of which many pixels stand alone among neighbors of the other.",
        only_checkpoint="The numbers before.",
        fix="Compare with a threshold.",
        code="Image.fromarray(labels > 0)",
    ),
)
