"""Numbers of the comparison; tuned by `python -m benchmarks.deployed --part tune`."""

SAME_LABELS = 0.995  # share of pixels with the same class from which on two masks are the same
SAME_NUMBERS = 0.005  # see `core.sketch.apart`: below, two layers or outputs hold the same numbers
SAME_IN_HALF = 0.05  # the same where a side computes in float16
SAME_ROUNDED = 0.35  # the same where a side is quantized to 8 bits
COLLAPSED = 0.35  # of a tensor's spread that quantizing moves: its scale does not fit
SAME_WEIGHTS = 1e-3  # see `core.sketch.apart`: two tensors of the same name hold the same numbers
OTHER_WEIGHTS = 0.5  # share of the tensors of the same name that hold other numbers
