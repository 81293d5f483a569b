// Gauge: KL divergence of the input from the first BatchNorm's running statistics, of sums from Python.
// The same arithmetic as core/diagnosis/normalization/first_layer.py: it keeps pace with a slider.

const LIKE_TRAINING = 0.25 // nats, LIKE_TRAINING_NATS in core/diagnosis/thresholds.py
const NOTHING_LIKE_TRAINING = 2.5 // nats, NOTHING_LIKE_NATS there
const GAUGE_DECADES = [-2, 4] // of the scale, powers of ten
const SMALLEST_VARIANCE = 1e-8

function klDivergence(gauge, affine) {
  const factors = [...affine.gain, ...affine.offset]
  const count = factors.length
  const each = Array.from(gauge.bias, (bias, k) => {
    let mean = bias
    let variance = 0
    for (let i = 0; i < count; i++) {
      mean += gauge.means[k * count + i] * factors[i]
      for (let j = 0; j < count; j++) {
        variance += factors[i] * factors[j] * gauge.covariances[(k * count + i) * count + j]
      }
    }
    variance = Math.max(variance, SMALLEST_VARIANCE)
    const spread = Math.max(gauge.spread[k], SMALLEST_VARIANCE)
    const distance = mean - gauge.known[k]
    return 0.5 * (Math.log(spread / variance) + (variance + distance * distance) / spread - 1)
  })
  each.sort((a, b) => a - b)
  const half = each.length >> 1
  return each.length % 2 ? each[half] : (each[half - 1] + each[half]) / 2
}

function showGauge(root, gauge, affine) {
  root.hidden = !gauge.bias
  if (root.hidden) return
  const nats = klDivergence(gauge, affine)
  const [low, high] = GAUGE_DECADES
  const place = (Math.log10(Math.max(nats, 1e-9)) - low) / (high - low)
  const word = nats < LIKE_TRAINING ? "like training" : nats < NOTHING_LIKE_TRAINING ? "unusual" : "nothing like training"
  root.dataset.nats = nats
  root.dataset.word = word
  root.querySelector("i").style.left = `${100 * Math.min(Math.max(place, 0), 1)}%`
  const output = root.querySelector("output")
  output.textContent = word
  output.title = `KL divergence of BatchNorm statistics: ${Number(nats.toPrecision(3))} nats`
  root.setAttribute("aria-valuetext", word)
}
