"""Causes in the picture: how its file is read, and at what size it is fed."""

from core.diagnosis.causes.cause import Cause

CAUSES = (
    Cause(
        id="F1",
        title="The picture is turned by its EXIF tag",
        stage="input",
        what="""
        The EXIF orientation tag of the file asks for a rotation. Viewers and this tool rotate the
        picture; `cv2.imread` with some flags and `Image.open` do not, so a script predicts on a
        picture that lies on its side, or its mask does not align with the picture.
        """,
        found_by="""
        The tag is not 1. Your own output confirms it where that equals the network's mask of the
        picture without the rotation.
        """,
        fix="Rotate the picture when it is opened, and its mask in the same way.",
        code="image = ImageOps.exif_transpose(Image.open(path))",
    ),
    Cause(
        id="F2",
        title="Transparency in the picture",
        stage="input",
        what="""
        Some pixels are transparent. Their colors are often black or noise; programs blend them
        with white or with black, or drop the alpha channel.
        """,
        found_by="""
        The alpha channel is not 255 everywhere. Your own output confirms it where that equals the
        network's mask of the picture without its alpha channel, or on a black background.
        """,
        fix="Composite the picture onto the background that was used in training.",
        code='image = Image.alpha_composite(background, image.convert("RGBA")).convert("RGB")',
    ),
    Cause(
        id="F3",
        title="The number of input channels differs",
        stage="input",
        what="""
        The first convolution expects another number of channels than the tensor has: the network
        was made for grayscale and the picture is in color, or the other way round.
        """,
        found_by="""
        The shape of the first weight is compared with that of the tensor. The result is certain
        without a forward.
        """,
        fix="Feed the number of channels that was used in training.",
        code='image = Image.open(path).convert("L")',
        mended_by_settings=True,
    ),
    Cause(
        id="F4",
        title="More than 8 bits a sample",
        stage="input",
        what="""
        The file has 16 or 32 bits a sample. Divided by 255, a sample of 16 bits reaches 257
        instead of 1.
        """,
        found_by="""
        The evidence is the number of bits in the file, and the largest sample that is scaled.
        """,
        fix="Convert the samples to 8 bits as in training.",
        code="image = (samples / samples.max() * 255).astype(np.uint8)",
        mended_by_settings=True,
    ),
    Cause(
        id="F5",
        title="The picture is of one color",
        stage="input",
        what="""
        The picture was written before it was filled, the first frame of a video is black, or
        another kind of channel was taken for the picture.
        """,
        found_by="""
        No channel varies by more than 1 of 255. The result is certain without a forward.
        """,
        fix="Look at the picture that your script reads, and open the one from the camera.",
        code="assert image.std() > 1",
    ),
    Cause(
        id="F6",
        title="The picture has more than three bands",
        stage="input",
        what="""
        A file of a satellite or of a microscope has more bands than a network of three channels is
        fed, and another program may take others, in another order, or take the fourth for opacity.
        """,
        found_by="""
        The evidence is the number of bands in the file, and which of them are fed.
        """,
        fix="Feed the bands of the training, in its order.",
        code="image = bands[..., [0, 1, 2]]",
    ),
    Cause(
        id="S1",
        title="The picture has another size than in training",
        stage="input",
        what="""
        Objects are much larger or smaller than in training, because of a resize or because the
        picture has another resolution. Some networks take one size only, or multiples of 16 or 32,
        and stop at any other.
        """,
        found_by="""
        At another size the mask has clearly more mutual information with the ground truth or,
        without one, with the mask of the mirrored picture. A side of fewer than 64 pixels is found
        without a forward, and so is a size that an exported program was not made for.
        """,
        fix="Feed the size that was used in training; where it is not known, the picture's own.",
        code="image = image.resize(training_size)",
        mended_by_settings=True,
        may_be_harmless=True,
    ),
    Cause(
        id="F7",
        title="The picture is turned, or its axes are mixed up",
        stage="input",
        what="""
        The array is mirrored, turned or transposed before it is fed, or it is reshaped where its
        axes have to be permuted. `transpose(2, 1, 0)` exchanges height and width, and `reshape`
        scatters the pixels over the channels.
        """,
        found_by="""
        Your own output is what the network says of the picture laid out like this, pixel for pixel
        or nearly so.
        """,
        fix="Give the array as [channels, height, width], not turned.",
        code="x = torch.from_numpy(image).permute(2, 0, 1)[None]",
    ),
    Cause(
        id="S2",
        title="The picture is resized, cut or put together otherwise",
        stage="input",
        what="""
        The script feeds another size or another interpolation, a letterbox whose bars are never cut
        off, tiles that do not overlap, or a mirrored view that is not flipped back before the
        average.
        """,
        found_by="""
        Your own output is what this program gives, pixel for pixel or nearly so.
        """,
        fix="Resize as in the training, and undo before the decision what was done to the picture.",
        code="logits = F.interpolate(logits[..., top:bottom, left:right], size=image.shape[:2])",
    ),
    Cause(
        id="S3",
        title="The pictures are lit otherwise than those of the training",
        stage="input",
        what="""
        The pictures are darker, brighter or flatter than those that the network learned from:
        another camera, another time of day, another exposure. Mean and std may be right, and the
        masks are bad all the same.
        """,
        found_by="""
        Over many pictures the moments behind the first convolution are compared with the running
        statistics of the BatchNorm there, or with those of another set. One gain and one offset
        for all channels explain the difference; numbers of another training would differ from
        channel to channel.
        """,
        fix="Expose as in the training, or train with such pictures and with brightness augmented.",
        code="transforms.ColorJitter(brightness=0.5, contrast=0.3)",
    ),
)
