// Layers: planes and settings -> one canvas per stage, one canvas pixel for each pixel of the plane.
// What a layer holds is what was computed; zooming happens later and only by nearest neighbor.

const SHOWN_RANGE = 2.64 // ImageNet normalization reaches -2.12..2.64: these become black and white
const NO_CLASS_COLOR = [0, 0, 0]

function newLayer(height, width, paint) {
  const canvas = document.createElement("canvas")
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext("2d", { willReadFrequently: true })
  const image = context.createImageData(width, height)
  paint(image.data)
  for (let i = 3; i < image.data.length; i += 4) image.data[i] = 255
  context.putImageData(image, 0, 0)
  return canvas
}

function rawLayer(picture) {
  const [height, width] = picture.rgb.shape
  return newLayer(height, width, (out) => {
    for (let i = 0, o = 0; o < out.length; i += 3, o += 4) {
      out[o] = picture.rgb[i]
      out[o + 1] = picture.rgb[i + 1]
      out[o + 2] = picture.rgb[i + 2]
    }
  })
}

// The value of the tensor at a stored sample, before the cast to the tensor's dtype.
function normalized(input, affine, channel, sample) {
  return affine.gain[channel] * (input.low + input.unit * sample) + affine.offset[channel]
}

function normalizedLayer(input, affine) {
  const [height, width, channels] = input.base.shape
  const tables = affine.gain.map((_, channel) => shadeTable(input, affine, channel))
  return newLayer(height, width, (out) => {
    for (let i = 0, o = 0; o < out.length; i += channels, o += 4) {
      for (let c = 0; c < 3; c++) {
        const channel = Math.min(c, channels - 1)
        out[o + c] = tables[channel][input.base[i + channel]]
      }
    }
  })
}

function shadeTable(input, affine, channel) {
  const table = new Uint8ClampedArray(input.base.BYTES_PER_ELEMENT === 1 ? 256 : 65536)
  for (let sample = 0; sample < table.length; sample++) {
    const value = normalized(input, affine, channel, sample)
    table[sample] = ((value + SHOWN_RANGE) / (2 * SHOWN_RANGE)) * 255
  }
  return table
}

function logitsLayer(result, colormap) {
  const [height, width] = result.heat.shape
  return newLayer(height, width, (out) => {
    for (let i = 0, o = 0; o < out.length; i++, o += 4) {
      const color = 3 * result.heat[i]
      out[o] = colormap[color]
      out[o + 1] = colormap[color + 1]
      out[o + 2] = colormap[color + 2]
    }
  })
}

// Labels as core/labels.py defines them: the winner where its logit is over the cut, else `below`.
function labelIds(result, cut) {
  const none = result.none
  const below = result.below < 0 ? none : result.below
  if (!result.score) return result.winner
  const limit = Math.fround(cut)
  return result.winner.map((id, i) => (result.score[i] > limit ? id : below))
}

function colorTable(palette, none) {
  const table = new Uint8Array(3 * (none + 1))
  for (let i = 0; i < table.length; i++) table[i] = palette[i % palette.length]
  table.set(NO_CLASS_COLOR, 3 * none)
  return table
}

function labelsLayer(ids, shape, colors) {
  return newLayer(shape[0], shape[1], (out) => {
    for (let i = 0, o = 0; o < out.length; i++, o += 4) {
      const color = 3 * ids[i]
      out[o] = colors[color]
      out[o + 1] = colors[color + 1]
      out[o + 2] = colors[color + 2]
    }
  })
}

function confidenceLayer(result, colormap) {
  const [height, width] = result.confidence.shape
  return newLayer(height, width, (out) => {
    for (let i = 0, o = 0; o < out.length; i++, o += 4) {
      const color = 3 * Math.min(254, result.confidence[i] >> 8) // 255 is "not finite"
      out[o] = colormap[color]
      out[o + 1] = colormap[color + 1]
      out[o + 2] = colormap[color + 2]
    }
  })
}

function maskLayer(picture, ids, colors, alpha) {
  const [height, width] = picture.rgb.shape
  return newLayer(height, width, (out) => {
    for (let i = 0, o = 0; o < out.length; i++, o += 4) {
      for (let c = 0; c < 3; c++) {
        const under = picture.rgb[3 * i + c]
        out[o + c] = Math.floor(under + alpha * (colors[3 * ids[i] + c] - under) + 0.5)
      }
    }
  })
}

// All classes as small maps on one shared range, side by side in rows.
function drawThumbs(canvas, result, colormap, chosen) {
  const [count, height, width] = result.thumbs.shape
  const columns = Math.min(count, Math.max(1, Math.floor(canvas.parentElement.clientWidth / (width + 4))))
  canvas.width = columns * (width + 4)
  canvas.height = Math.ceil(count / columns) * (height + 4)
  canvas.columns = columns
  const context = canvas.getContext("2d")
  for (let k = 0; k < count; k++) {
    const thumb = newLayer(height, width, (out) => {
      for (let i = 0; i < height * width; i++) {
        const color = 3 * result.thumbs[k * height * width + i]
        for (let c = 0; c < 3; c++) out[4 * i + c] = colormap[color + c]
      }
    })
    const left = (k % columns) * (width + 4)
    const top = Math.floor(k / columns) * (height + 4)
    if (k === chosen) {
      context.fillStyle = getComputedStyle(canvas).color
      context.fillRect(left, top, width + 4, height + 4)
    }
    context.drawImage(thumb, left + 2, top + 2)
  }
}

// --- histogram of the tensor: counted once per picture, only its axis moves with mean and std -----

const BINS = 128
const CHANNEL_COLORS = ["#e0524d", "#3a9a4b", "#4a7fdc"]
const AXES = [3, 10, 30, 100, 300, 1e3, 1e4, 1e5, 1e6, 1e9]

function countSamples(input) {
  const [height, width, channels] = input.base.shape
  const ends = input.content.map((length, axis) => (input.corner[axis] + length) / input.step)
  const [top, left] = input.corner.map((start) => Math.ceil(start / input.step))
  const shift = input.base.BYTES_PER_ELEMENT === 1 ? 1 : 9
  const counts = Array.from({ length: channels }, () => new Uint32Array(BINS))
  for (let row = top; row < Math.min(height, ends[0]); row++) {
    for (let column = left; column < Math.min(width, ends[1]); column++) {
      const i = (row * width + column) * channels
      for (let c = 0; c < channels; c++) counts[c][input.base[i + c] >> shift]++
    }
  }
  return counts
}

function tensorRange(input, affine) {
  let low = Infinity
  let high = -Infinity
  affine.gain.forEach((_, c) => {
    const ends = [input.lows[c], input.highs[c]].map((v) => affine.gain[c] * v + affine.offset[c])
    low = Math.min(low, ...ends)
    high = Math.max(high, ...ends)
  })
  return [low, high]
}

function drawHistogram(canvas, input, counts, affine) {
  const ratio = window.devicePixelRatio || 1
  const width = (canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio)))
  const height = (canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio)))
  const context = canvas.getContext("2d")
  const range = tensorRange(input, affine)
  const reach = Math.max(Math.abs(range[0]), Math.abs(range[1]))
  const axis = AXES.find((limit) => reach <= limit) ?? reach
  const toX = (value) => ((value + axis) / (2 * axis)) * width
  const floor = height - 14 * ratio
  context.font = `${10 * ratio}px sans-serif`
  context.fillStyle = context.strokeStyle = getComputedStyle(canvas).color
  context.globalAlpha = 0.6
  context.fillRect(toX(0), 0, ratio, floor)
  for (const [value, align] of [[-axis, "left"], [0, "center"], [axis, "right"]]) {
    context.textAlign = align
    context.fillText(String(value), toX(value), height - 2 * ratio)
  }
  const most = Math.max(1, ...counts.map((channel) => Math.max(...channel)))
  const samples = (input.base.BYTES_PER_ELEMENT === 1 ? 256 : 65536) / BINS
  context.globalAlpha = 0.9
  context.lineWidth = 1.5 * ratio
  counts.forEach((channel, c) => {
    context.strokeStyle = counts.length === 1 ? getComputedStyle(canvas).color : channelColor(input, c)
    context.beginPath()
    channel.forEach((count, bin) => {
      const x = toX(normalized(input, affine, c, (bin + 0.5) * samples))
      context.lineTo(x, floor - Math.sqrt(count / most) * (floor - 2)) // root: small counts are seen
    })
    context.stroke()
  })
}

function channelColor(input, channel) {
  return CHANNEL_COLORS["RGB".indexOf(input.order[channel])]
}
