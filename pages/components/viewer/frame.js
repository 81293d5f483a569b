// Frame: where a pixel of the picture lies in what is fed, which may be turned and have bars.
// Places are [row, column] as shares of the whole, 0..1.

function fedSize(input) {
  return [input.base.shape[0] * input.step, input.base.shape[1] * input.step]
}

function toFed(input, [row, column]) {
  const [transposed, rows, columns] = input.turn
  let [r, c] = transposed ? [column, row] : [row, column]
  if (rows) r = 1 - r
  if (columns) c = 1 - c
  const [height, width] = fedSize(input)
  return [(input.corner[0] + r * input.content[0]) / height, (input.corner[1] + c * input.content[1]) / width]
}

function fromFed(input, [row, column]) {
  const [transposed, rows, columns] = input.turn
  const [height, width] = fedSize(input)
  let r = (row * height - input.corner[0]) / input.content[0]
  let c = (column * width - input.corner[1]) / input.content[1]
  if (rows) r = 1 - r
  if (columns) c = 1 - c
  return transposed ? [c, r] : [r, c]
}

// The other way round for whole pixels; null outside.
function pixelOf([row, column], [height, width]) {
  const inside = row >= 0 && column >= 0 && row < 1 && column < 1
  return inside ? [Math.floor(row * height), Math.floor(column * width)] : null
}

function shareOf([row, column], [height, width]) {
  return [(row + 0.5) / height, (column + 0.5) / width]
}

// What a panel shows and how: the picture, or, in the second panel, what is fed where that lies otherwise.
// After `view` was changed, `keep` moves the other panels too.
function frameOf(viewer, canvas) {
  const { view, size, input } = viewer
  const otherwise = input && (input.turn.some(Boolean) || input.corner.some(Boolean))
  if (!otherwise || canvas !== viewer.canvas("normalized")) {
    return { view, size, place: (at) => at, picked: (at) => at, keep: () => {} }
  }
  const fed = fedSize(input)
  const [row, column] = toFed(input, [view.row, view.column])
  const own = { zoom: view.zoom, row, column }
  clampView(own, canvas, fed)
  return {
    view: own,
    size: fed,
    place: (at) => at && pixelOf(toFed(input, shareOf(at, size)), fed),
    picked: (at) => at && pixelOf(fromFed(input, shareOf(at, fed)), size),
    keep: () => {
      const [row, column] = fromFed(input, [own.row, own.column])
      Object.assign(view, { zoom: own.zoom, row, column })
      clampView(view, viewer.canvas("raw"), size)
    },
  }
}
