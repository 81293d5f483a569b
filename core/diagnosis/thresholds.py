"""Every number by which the diagnosis decides: its unit, what it was tuned on, by which command.

A mark says with which command a change of the number is measured; marks were put beside the numbers
afterwards, from decisions 12, 13 and 20 and what the comments said. A name has one value.

[tune: word]  `python -m benchmarks.diagnosis --only word` before and after: the part of the
              benchmark that shares no network and no picture with the held-out part
[tune]        the same without `--only`: all faults
[healthy]     `python -m benchmarks.diagnosis --limit 1 --healthy 28`: no healthy picture may alarm
[foreign]     `python -m benchmarks.foreign`: other people's networks, its tune part

The others follow from a format, an algorithm or a definition, which the comment names.
"""

# --- other weights of the same file (case.py, checks/other_weights.py) ----------------------------

SAME_SHARE = 0.5  # of the tensors, from which on it may be the same network again; definition
MOST_PARTS = 3  # that are opened and run; each costs about ten forwards

# --- the first bad stage (bisect.py) --------------------------------------------------------------

DENSE_IDS = 1024  # ids within so many are counted in a table, which is faster; definition
FLAT_LOGITS = 1e-3  # spatial std over the range of the whole: below it a plane is flat; definition
HUGE_LOGIT = 1e3  # no logit of a healthy network is as large [healthy]
LARGE_INPUT = 20.0  # networks are fed with values of about 1; definition
DEAD_INPUT_STD = 0.02  # of the tensor: below it hardly anything varies; definition
ONE_CLASS_SHARE = 0.999  # of the pixels from which on a label map is called constant; definition
BLACK_SHARE = 0.99  # of dark pixels from which on a mask looks black; definition

# --- the picture (measure/picture.py, reference_picture.py) ---------------------------------------

FLAT_PICTURE_STD = 0.17  # of pixels from 0 to 1: below it contrast decides [tune: pixels]
USUAL_MEAN = (0.2, 0.85)  # of pixels from 0 to 1: a good network may fail beyond [healthy]
USUAL_STD = 0.12  # of pixels from 0 to 1: the same below it [healthy]
BRIGHTNESS_STEPS = (0.1, -0.1)  # of the largest sample; decision 20, on 28 pictures of 7 networks
REFERENCE_SIDE = 256  # pixels of the reference picture; definition
EXPOSED_GAIN = 1.15  # factor of mIoU at a usual exposure, from which that is to blame [healthy]
PHOTO_MEAN, PHOTO_STD = 0.45, 0.24  # of photographs, pixels from 0 to 1
COMMON_SHARE = 0.95  # of what all three channels of photographs have in common; definition
OWN_SHARE = 0.3  # of what each of them has alone; together a variance of about 1

# --- the mask and the ground truth (measure/mask.py, truth.py, head_bias.py) ----------------------

SUREST_QUANTILE = 0.95  # of the lead of the winning class; definition
GOOD_MASK_SHARE = 0.85  # of what could be known, from which on a mask is good [tune]
INFORMATIVE_SHARE = 0.9  # the same of what is known whatever the classes are called [tune]
TYPICAL_NATS = 0.3  # that the mask of an everyday picture tells about its mirror's [healthy]
ALIVE_NATS = 0.05  # of agreement: below it a mask says nothing [healthy]
BIAS_LEAD = 2.0  # logits: a factor of 7 in probability [tune: background]

# --- sizes that a network takes (measure/sizes.py) ------------------------------------------------

TRIED_ODD = (73, 105)  # h, w: no multiple of 2; definition
TRIED_STEP = 32  # pixels: of most decoders with skips; what takes multiples of 8 or 16 takes these
TRIED_EVEN = (96, 160)  # h, w: multiples of 32, not of 64; definition

# --- BatchNorm (measure/batchnorm_divergence.py) --------------------------------------------------

NEAR_LAYERS = 5  # BatchNorms from the input on: deeper ones depend on what is in the picture [tune]
ALL_LAYERS = 10_000  # more than any network has
CROP_SIDE = 384  # pixels: more changes no moment, and costs time; definition
SMALLEST_VARIANCE = 1e-8  # below it a channel is constant; definition
UNUSED_NORMS = 0.5  # share of never updated BatchNorms from which on none is asked; definition
NEAR_LAYERS_UNITS = 0.1  # of a forward, that one up to the fifth BatchNorm is counted as

# --- the door (measure/forwards.py) ---------------------------------------------------------------

BUDGET = 400.0  # units; `python -m benchmarks.answers write` has no case with more than 36

# --- memory of the checkpoint (normalization/memory.py, conventions.py) ---------------------------

MEMORY_R2 = 0.9  # from which on convolution and BatchNorm are what they seem to be [tune]
PIXEL_CORRELATION = 0.95  # of neighboring pixels of photographs; as in the reference picture
CHANNEL_CORRELATION = 0.9  # of their color channels
MOST_CHANNELS = 4  # of a picture; more is no first convolution; definition
MEAN_VARIANCE = 0.03  # of the mean of photographs, pixels from 0 to 1 [tune: pixels]
LOG_STD_VARIANCE = 0.16  # of the logarithm of their std [tune: pixels]
LARGEST_TWICE = 0.2  # std of a usual convention applied twice; definition
NO_KNOWN_DISTANCE = 1.2  # memory distance from which on no known convention fits [tune: pixels]
CLEAR_DISTANCE = 4.0  # difference of memory distances that is no chance [tune: pixels]
LEAST_DISTANCE, LEAST_STD = 0.1, 0.02  # what is smaller counts as this; pixels from 0 to 1

# --- stems of published networks (normalization/known_stems.py) -----------------------------------

STEM_LIKE = 0.8  # correlation from which on a stem began from a known one; decision 30
STEM_MOMENTS = 3  # of each channel of a filter: sum, slopes along rows and columns; definition
STEM_FLIPPED = 0.1  # by how much one channel order must fit better than the other, likewise

# --- numbers without a catalogue (normalization/solve.py) -----------------------------------------

SOLVED_MEAN = 0.2  # within which means were solved from one picture; 0.13 in 9 of 10 [tune]
SOLVED_LOG_STD = 0.47  # the same of the logarithm of std; 0.35 in 9 of 10 [tune]
SOLVER_STEPS = 200  # at the most; it takes some ten
ALIKE_WEIGHT = 3.0  # of differences between std of channels; 30 made odd ones equal [tune]
BRIGHTNESS_STD = 0.18  # of the mean between pictures, from 0 to 1; decision 26 [tune]
GUESS_WEIGHT = 0.05  # of the distance to the first guess of std, which is too small [tune]

# --- which convention (normalization/recover.py, agreement.py) ------------------------------------

FITTED_HANDICAP = 0.1  # nats by which fitted numbers must be better than a known convention [tune]
CONTRADICTORY_NATS = 2.5  # reference_kl; healthy networks have less than 1 [healthy]
LIKE_TRAINING_NATS = 0.25  # KL divergence below which an input is like training [tune: pixels]
NOTHING_LIKE_NATS = 2.5  # KL divergence from which on an input is said to be nothing like training
JUST_LIKE_NATS = 0.1  # below it an input is just like the training's [tune: swapped]
AS_LIKE_TRAINING = 2.0  # factor of the best KL divergence that is as good; decision 20 [healthy]
CLEARLY_NEXT = 3.0  # factor by which another convention must be worse [tune: pixels]
LEAST_NATS = 0.02  # what is smaller counts as this
STANDARD_MEAN, STANDARD_LOG_STD = 0.15, 0.25  # of a memory: about 0 and 1, as z-scores leave
MORE_LIGHT = (1.4, 2.0, 2.8)  # gains of a dark picture: half a stop, one, one and a half
WORSE_FED = 3.0  # factor by which the KL divergence of what is fed must be larger [healthy]
TIE_KL = 1.15  # factor within which two KL divergences are as good, or LEAST_NATS [tune: pixels]
SAME_SCALE = 0.3  # of the logarithm of std: two conventions of one family; definition
TRUTH_GAIN = 1.5  # factor over what is fed, where only a ground truth speaks for another [tune]
TIE = 1.05  # factor within which two conventions do equally well; decision 20 [tune]
BEATS_RIVAL = 1.1  # factor by which a convention must beat a smaller change [tune]
RICHER, RICHER_NATS = 2.5, 0.05  # factor and nats by which it must beat what is fed; decision 20
RICHER_BY_TRUTH = 1.1  # the same factor where a ground truth says what is better [tune]
ABSURD_LEAD = 40.0  # logits: no network leads by as much on what it knows [healthy]
COMPARED_SIDE = 256  # pixels of the shorter side, for what is only compared; time
TRIED_CUTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)  # thresholds that are tried; definition

# --- red and blue (normalization/channel_order.py): decisions 30, 31 [tune: swapped] --------------

VOTE_CONFIDENCE = 0.02  # of mean confidence: one vote
VOTE_LOG_KL = 2.0  # of the logarithm of the KL divergence: one vote; decision 32
VOTE_LOG_AGREEMENT = 0.2  # of the logarithm of the agreement: one vote; the same
VOTE_LOG_CHANGED = 1 / 3  # of the logarithm of the share that other views change: the same
LEAST_AGREEMENT = 0.01  # nats, added to both orders so that neither is 0
LEAST_CHANGED = 0.005  # share of the pixels, added so that none is 0
ORDER_LIKE_NATS = 0.2  # input_kl above which no order is told; decision 30 [tune: swapped]
FLAT_NEARER = 1.5  # factor of the KL divergence on faded pictures; wrong ones 1.24; decision 48
VOTES = 2.0  # no wrong order got as many: 1.3 at most; decision 32
VOTES_WITHOUT_NORM = 4.0  # the same without several BatchNorms, where wrong ones had 3.3
STEM_VOTES = 0.5  # of a known first convolution: none is wrong with as much less; decision 30
KNOWN_CONFIDENCE, KNOWN_LEAD = 0.7, 0.35  # the same where the input is just like training
JUDGED_CONFIDENCE, JUDGED_LEAD = 0.85, 0.45  # mean, and share of the lead: below, of another world

# --- what a difference is called (normalization/naming.py) ----------------------------------------

MEAN_OF_UNIT = 3.0  # a mean up to this is meant for pixels of 0 to 1; definition
DIVIDED_AGAIN = 60.0  # factor from which on it is a division by 255 too many; definition
BYTES_STD = 0.02  # of pixels from 0 to 1, below which 0 to 255 is fed; definition
BYTES_RATIO = 50.0  # factor by which the input is larger where 0 to 255 is fed; definition
SAME_NUMBERS = 0.005  # of mean and std, pixels from 0 to 1: about a step of a byte; definition
NEAR_NUMBERS, NEAR_SQUARES = 0.15, 0.25  # relative, of a convention's numbers [tune: twice]
NEAR_LEAST = 0.05  # what is smaller counts as this; pixels from 0 to 1
EXACT_NUMBERS = 0.02  # relative, of numbers that were computed and rounded; definition

# --- the user's own picture (reproduction/) -------------------------------------------------------

SAME_GAIN = 0.97  # from which on two maps are the same; the rest is another machine's rounding
SIMILAR_GAIN = 0.85  # at a reduced size, where edges fall otherwise [tune: enlarged]
OUR_OBJECTS_GAIN = 0.8  # from which on the file has our objects: other weights would not [tune]
RANDOM_GAIN = 0.5  # weights at random may follow the colors so far, and so may others [tune]
FITS_SHOWN = 4  # programs that write one value, in a sentence
SAME_ASPECT = 0.05  # relative, of a file that was only made smaller; definition
JPEG_LEVELS = 40  # gray levels by which a JPEG changes pixels at edges [tune: JPEG]
BLACK_CHANNEL = 32  # of every channel: a color below it looks black; definition
FIGURE_MARGIN = 0.02  # of the shorter side: plt.savefig leaves more on every side; definition
FIGURE_VALUES = 50  # different values, from which on a picture with a white margin is a drawing
REBUILDING = 45.0  # units that the search for the program may spend; time
NEAR_GAIN, NEARLY = 0.95, 1.5  # gain, and times as many from there on; decision 48 [tune: rebuild]
OTHER_WEIGHTS = 10.0  # units for each other set of weights of the file; time
CROPPED = 0.375  # of each side of the input: what is run where programs are only ranked; time
CROP_MULTIPLE = 32  # pixels, so that strides fall as in the whole picture; definition
BEAM = 3  # programs that are run on the whole picture after a ranking [tune: benchmarks.rebuild]
PRICE = 0.1  # of what is not explained, that a program must promise more for each forward
RANKING = 0.4  # of what is left, that one ranking may spend; time
BETTER = 0.005  # of gain, that a program must explain more to be gone on from [tune: rebuild]
SAME_DRAWN = 0.9  # of the pixels, from which on the way of writing is known [tune: rebuild]
SUBTLE_GAIN = 0.985  # from which on a precision may be what is left [tune: rebuild]
TRAINED = 2  # programs that are run in training mode at once, as a part tells nothing; forwards
OF_A_SIZE = 2  # decisions of each size that are written, beside the nearest ones; time
TELLING = 0.6  # of a part, that says the same alone; below it ranks nothing [tune: rebuild]
SAME_PART = 0.97  # the same, from which on it tells what explains nothing [tune: rebuild]
UNRANKED = 0.02  # of gain, that each change promises less where none can be ranked [tune: rebuild]
NO_CHANGE = 0.05  # of gain, that a change promises less that a part does not show [tune: rebuild]
EDGE_WEIGHT = 0.2  # of an edge beside a pixel that is not explained, where a part is chosen
MIRRORED = 0.8  # gain of a file by its own mirror image; scenes have up to 0.5 [tune: rebuild]
WORTH_WRITING = 0.5  # gain from which on ways of writing are tried [tune: benchmarks.rebuild]
SEAMS = 2.0  # times as many changes of value where tiles meet as elsewhere [tune: rebuild]
WORTH_TRAINING = 0.3  # of what is left, that training mode promises; a part has other moments
WORTH_TILES = 0.6  # gain from which on seams may be what is left [tune: benchmarks.rebuild]
ALIKE = 0.5  # what is left of a correlation, beside shares of equal pixels [tune: rebuild]
SIDES = (128, 192, 224, 320, 384, 448, 512)  # that scripts resize to, beside the training's
BARS = (0, 114, 128, 255)  # gray levels of letterboxes: black, YOLO's, middle gray, white
BOXES = (320, 512)  # sides of letterboxes that the file does not tell
COPIES_KEPT = 3  # of a network, for other precisions and modes; memory
INPUTS_KEPT = 8  # before scaling; memory
BYTE_VALUES = 256  # of a sample of 8 bits; definition
SHOWN_BITS = 8  # of a sample that is made to be seen; definition
FEW_LEVELS = 64  # different values of a file that are compared one by one; time
FAR_STEP = 2  # pixels: every other row and column tells which masks are nearest a JPEG; time
NEAREST_TABLES = 3  # casts and palettes that are encoded as the user's JPEG was; time
NEAR_JPEG = 12  # levels by which a JPEG moves the middle of an area; measured at quality 75
BLOCK = 8  # pixels of a block of a JPEG; its format
FLAT_LEVELS = 2  # within a block of one color, as JPEG decoders round; measured at quality 60
SAME_COLOR = 12  # levels within which two flat blocks had one color; measured at quality 60
RARER_SHARE = 0.001  # of the pixels beside the most frequent value: fewer fit by chance
REPEATED_CUTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # thresholds

# --- what is a fault, and what a note (checks/) ---------------------------------------------------

HARMLESS_SHARE = 0.02  # of the pixels: a change of fewer is a note; the benchmark's definition
VISIBLE_SHARE = 0.001  # of the pixels: the same for decisions and colors, which are exact
HARMFUL_IOU = 0.005  # mIoU by which a fix may lower it: rounding; definition
HARM = 0.9  # factor of the mask's score: a fix that leaves less does harm [tune]

# --- size and order (checks/feeding.py) -----------------------------------------------------------

TINY_SIDE = 64  # pixels: a shorter side below it leaves 2 x 2 numbers at a stride of 32
FAIR_IOU = 0.45  # below it the ids of the truth may be others than the network's [tune: swapped]
LEFT_WITH_ORDER = 0.8  # of what the mask tells, that must be left with the other order [tune]
ORDER_IOU = 0.05  # mIoU by which the other order must be better; decision 32 [tune: swapped]
ORDER_ERRORS = 1.5  # or the factor by which it must miss less of an mIoU of 1; the same
SURE_ORDER_GAIN = 1.5  # factor of the mIoU, from which on it is certain; the same
SIZE_GAIN, SIZE_GAIN_NATS = 1.4, 0.05  # factor and nats; healthy pictures gained up to 1.3
SIZE_NEARER = 1.7  # factor of the KL divergence; right sizes up to 1.57, others 1.8 [foreign]
SIZE_IOU = 0.1  # mIoU that the picture's own size must bring where it is resized; decision 47
SIZE_DOUBTED = 0.6  # of what a mask could tell: above it no other size is tried [healthy]
MOST_PIXELS = 16  # times those fed now, that another size may have; time
MOST_SIDE = 1024  # pixels of another size; time

# --- the decision (checks/decoding.py) ------------------------------------------------------------

LIVELY_SHARE = 0.3  # of what a mask could tell, that another threshold must bring [tune: threshold]
PROBABILITY_SLACK = 0.5  # beyond 0 to 1, from which on numbers are no probabilities; definition
CONSTANT_RANGE = 0.01  # of an output: below it nothing can be concluded from its range; definition
ACTIVATED_RANGE = 0.5  # of an output, from which on 0 to 1 is no chance; decision 47
HISTOGRAM_BINS = 256  # of scores, between which a cut is sought; definition
LEAST_CUT = 0.0005  # probability below which no threshold is offered: it is no object any more
USUAL_CUTS = (0.3, 0.7)  # a threshold between them is only doubted for two heaps [healthy]
TWO_HEAPS = 0.68  # share of the variance between both sides; a cut through one normal heap: 0.64

# --- BatchNorm and precision (checks/numerics.py, stored_statistics.py) --------------------------

OWN_GAIN, OWN_GAIN_NATS = 1.4, 0.1  # factor and nats by which own statistics must win [healthy]
OWN_GAIN_BY_TRUTH, OWN_GAIN_SHARE = 1.15, 0.1  # factor, and share of what could be known [tune]
OWN_GAIN_IOU = 0.05  # mIoU by a ground truth, where the layers show why; decision 47
OWN_GAIN_UNSEEN = 1.25  # factor by a ground truth, where no layer shows why [tune]
AS_STORED = 0.05  # the same, below which they are right: healthy 0.024, lagging 0.19 [foreign]
UNLIKE_STORED = 0.2  # nats, upper quartile behind the first: healthy ones had up to 0.07 [healthy]
FEWEST_POSITIONS = 16  # of a layer, below which its statistics are chance; definition
UPPER_QUARTER = 0.75  # quantile over the layers; definition
STORED_DOUBTED = 0.5  # of what a mask could tell: above it own statistics are not tried [healthy]
HALF_MAX = 65504  # the largest float16; IEEE 754

# --- training and ground truth (checks/training.py, truth.py) -------------------------------------

UNSURE = 0.7  # of the largest probabilities: a new head had 0.61, the zoo 0.95 and more
KEPT_SHARE = 0.5  # of what a mask shows, that must be in its mirror's too; definition
EMPTY_SHARE = 0.98  # of the background from which on the mask shows nothing [healthy]
FOREGROUND_SHARE = 0.02  # in the ground truth that is more than an oversight [healthy]
BENEATH_NATS = 0.1  # of agreement of what lies under the background [tune: background]
LEAST_LEAD = 0.1  # quantile of the background's lead, below which lies what it hides; definition
VOID_ID = 255  # the usual id of pixels that do not count; Pascal VOC, Cityscapes
FEW_IDS = 3  # more ids than classes + 3 come from interpolation, not from annotation [tune: truth]
LUMA_SLACK = 1  # gray levels by which programs that compute a luminance differ
RENAMED_SHARE = 0.75  # of the pixels: agreeing once the ids are renamed [tune: truth]
RENAMED_GAIN = 0.25  # the same: more than before [tune: truth]
TURNED_IOU = 0.6  # with the truth turned: at least, and as it is less [tune: truth]
LEAST_MOVED, MOST_MOVED = 4, 0.25  # pixels, and share of a side, that a truth may be moved
SEEN_SHARE = 0.001  # of the pixels, that a class wins at least where it was trained [healthy]
BALANCE_FACTOR = 2.0  # share in masks to share in truths, or back, over a set [tune: 1.84 of 16]
BALANCE_SHARE = 0.05  # of all pixels, by which they must differ too [tune: 0.025 of 16, 0.049 of 8]
TARGET_STEP = 1 / 255  # of a target of 0 to 1 that was divided by 255; definition
NEAR_STEP = (0.4, 2.5)  # factors of it, within which the largest probabilities lie; definition
LARGEST_QUANTILE = 0.99  # of the probabilities: what is meant by the largest; definition
NEVER_LEARNED = 8.0  # logits behind the winner; learned and missed: up to 5.2 [foreign]
SECOND_SHARE = 0.5  # of a lost class's pixels: second at more, it was learned and only missed
LOW_CUTS = (0.0005, 0.001, 0.002, 0.003)  # thresholds about half of that step
BETWEEN_SHARE = 0.2  # of the edge pixels from which on a mask was interpolated [tune: truth]

# --- weights (checks/weights.py, trained.py, prefix.py, doubt.py) ---------------------------------

DIVERGED_SHARE = 0.5  # of the tensors from which on it was the training that ended in NaN [tune]
EVEN_DISTANCE = 1.6  # Kolmogorov's, times sqrt(n): 98.8 % of even numbers stay below it
FEWEST_NUMBERS = 40  # below which chance alone looks as even; the same distribution
MANY_NUMBERS = 256  # from which on the distance is decisive; the same distribution
MOST_NUMBERS = 4096  # of a weight that are compared with a distribution; time
CHANCE_FACTOR = 1.1  # of chance's largest singular value; trained: median 1.0 to 1.5, most 2.6
FEWEST_INITIAL = 3  # convolutions that are as initialized, of which trained nets have none
ONE_IN = 6  # convolutions, of which one may be another: 1.2 % of initial ones are by chance
LEAST_SIDE = 8  # rows or columns of a weight, below which chance varies by more than that
MOST_ROWS, MOST_COLUMNS = 256, 1024  # of a weight that are looked at; time
BELONGING_NATS = 0.7  # KL of all layers; scenes: at most 0.14, new numbers at least 0.78 [foreign]
BELONGING_SHARE = 0.65  # of the KL of another picture; dark ones 0.5, new numbers 0.83 [foreign]
UNTRAINED_SHARE = 0.95  # of the weights; at most 0.73 of 17 trained networks, noise has 1.0
INITIAL_SHARE = 0.95  # of an encoder's convolutions; trained at most 0.34, new ones 0.99 [tune]
TRAINED_REST = 0.5  # share of the rest that may look as initialized; trained: 0 to 0.1 [tune]
LEARNED_FACTOR = 1.3  # of one weight: chance gave 1.02 at most, a minute of training 2.3 [foreign]
FEWEST_WEIGHTS = 8  # of which every one may be small and hardly trained; definition
NAMES_SHOWN = 3  # in a sentence; the rest is dots
DEEPEST_PREFIX = 3  # prefixes one after the other; module., model., and one of its own

# A checkpoint for other pictures: decision 20, on 280 healthy pictures of the tune part and 200 of
# another world [healthy]
UNDOUBTED_LEAD = 0.75  # of the lead at the surest pixels: above it nothing is doubted
LEAD_STEP, KL_STEP = 0.1, 0.13  # of the lead, and nats over all layers, that weigh the same
CONFIDENCE_STEP, LEFT_STEP = 0.1, 0.13  # of the confidence, and of the logarithm of what is left
DOUBT_STEPS = 10.5  # healthy pictures had up to 10.2 of 183, 25 of 28 others more

# --- many pictures (many/): decision 42 -----------------------------------------------------------

LARGEST_BYTE = 255.0  # sample that counts as 1: pools are made of bytes only; definition
BLOCKS = 8  # into which a set is dealt for its jackknife; memory and time
FEWEST_BLOCKS = 4  # from which on their differences tell an interval; definition
COARSE_STEPS = (1, 2)  # every n-th row and column: a training's pictures at both [tune: many]
COARSE_SHARES = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)  # that are tried; time
INTERVAL = 2.0  # standard errors on either side: 95 % of a normal distribution
SET_ALIKE_WEIGHT = 1.0  # as ALIKE_WEIGHT, which a set needs less: 3.0 does as well [tune: many]
SET_MEAN_FLOOR, SET_LOG_STD_FLOOR = 0.02, 0.13  # pixels from 0 to 1, and logarithm [tune: many]
ONE_PICTURE_NATS = 0.08  # by which one picture differs from all: over n, 1 / n of it [tune: many]
ENOUGH_ZSCORES = 8  # pictures, from which on z-scores are told from another light [tune: many]
VOTE_MOST = 4.0  # votes that one picture may have for an order [tune: many]
VOTE_SPREAD = 0.5  # least std of the votes of a set: a few pictures may agree by chance
SET_VOTES, SET_VOTES_ERRORS = 0.8, 2.0  # mean of the votes, and standard errors [tune: many]
SET_LAYER = 0.4  # logarithm of the factor by which the first layer must fit better [tune: many]
SET_LAYER_ALONE = 1.2  # the same, where the masks of both orders hardly differ [tune: many]
FEWEST_VOTES = 4  # pictures, from which on a set tells an order; definition
ENOUGH_VOTES, CLEAR_ERRORS = 8, 3.0  # pictures, and standard errors, at which no more are asked
MOST_VOTES = 32  # pictures that are asked for the order: eight forwards each; time
MOST_ALONE = 8  # pictures that are asked alone where no first layer tells; 40 forwards each; time
AGREEING_SHARE = 0.6  # of the pictures that answer, that must say the same; definition
SET_BUDGET = 4000.0  # units, as BUDGET; 16 pictures take about 150, without BatchNorm 800
FULL_SIDE = 512  # pixels of the longer side, from which on every n-th pixel is compared; time
TRUTH_IDS = 256  # ids of a ground truth that are counted one by one; 8 bits
MANY_EMPTY = 0.9  # share of the masks that are background, from which on it is told; definition
FEWEST_EMPTY = 8  # pictures, below which that may be chance; definition
DARKER = 0.05  # of the mean, pixels from 0 to 1: a difference of light that one sees; definition
FLATTER = 0.8  # factor of the std, likewise
