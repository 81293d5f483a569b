// View: one zoom and one pan for all panels, in pixels of the picture; nearest neighbor only.

const MAX_PIXEL = 64 // screen pixels per picture pixel, when zoomed in as far as it goes
const CLICK_SLACK = 4 // screen pixels that a click may move without being a drag

function newView() {
  return { zoom: 1, row: 0.5, column: 0.5 } // center as a share of the picture
}

function geometry(canvas, view, size) {
  const ratio = window.devicePixelRatio || 1
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio))
  const height = Math.max(1, Math.round(canvas.clientHeight * ratio))
  const scale = Math.min(width / size[1], height / size[0]) * view.zoom
  return {
    ratio,
    width,
    height,
    scale,
    left: width / 2 - view.column * size[1] * scale,
    top: height / 2 - view.row * size[0] * scale,
  }
}

function clampView(view, canvas, size) {
  const ratio = window.devicePixelRatio || 1
  const fit = Math.min((canvas.clientWidth * ratio) / size[1], (canvas.clientHeight * ratio) / size[0])
  view.zoom = Math.min(Math.max(view.zoom, 1), Math.max(1, (MAX_PIXEL * ratio) / fit))
  const half = 0.5 / view.zoom
  view.row = Math.min(Math.max(view.row, half), 1 - half)
  view.column = Math.min(Math.max(view.column, half), 1 - half)
}

// `cover`: rows and columns of the picture that the layer stands for (padding reaches beyond).
function drawPanel(canvas, layer, cover, view, size, marks) {
  const g = geometry(canvas, view, size)
  if (canvas.width !== g.width) canvas.width = g.width
  if (canvas.height !== g.height) canvas.height = g.height
  const context = canvas.getContext("2d")
  context.clearRect(0, 0, g.width, g.height)
  context.imageSmoothingEnabled = false
  canvas.layer = layer
  if (layer) {
    context.drawImage(layer, g.left, g.top, cover[1] * g.scale, cover[0] * g.scale)
  }
  for (const mark of marks) if (mark.at) drawMark(context, g, mark)
}

function drawMark(context, g, { at, pinned }) {
  const size = Math.max(g.scale, 7 * g.ratio)
  const x = g.left + (at[1] + 0.5) * g.scale
  const y = g.top + (at[0] + 0.5) * g.scale
  for (const [color, width] of [["#000", 3], [pinned ? "#ffd400" : "#fff", 1.5]]) {
    context.strokeStyle = color
    context.lineWidth = width * g.ratio
    context.strokeRect(x - size / 2, y - size / 2, size, size)
  }
}

function pixelAt(canvas, event, view, size) {
  const box = canvas.getBoundingClientRect()
  const g = geometry(canvas, view, size)
  const column = Math.floor(((event.clientX - box.left) * g.ratio - g.left) / g.scale)
  const row = Math.floor(((event.clientY - box.top) * g.ratio - g.top) / g.scale)
  const inside = row >= 0 && column >= 0 && row < size[0] && column < size[1]
  return inside ? [row, column] : null
}

function zoomAt(canvas, event, factor, view, size) {
  const before = geometry(canvas, view, size)
  const box = canvas.getBoundingClientRect()
  const x = (event.clientX - box.left) * before.ratio
  const y = (event.clientY - box.top) * before.ratio
  const column = (x - before.left) / before.scale
  const row = (y - before.top) / before.scale
  view.zoom *= factor
  clampView(view, canvas, size)
  const after = geometry(canvas, view, size)
  view.column += column / size[1] - (x - after.left) / after.scale / size[1]
  view.row += row / size[0] - (y - after.top) / after.scale / size[0]
  clampView(view, canvas, size)
}

// Wheel, drag, double click, click and pointing, the same on every panel.
function listenToPointer(canvas, viewer) {
  let start = null
  canvas.onwheel = (event) => {
    if (event.deltaY > 0 && viewer.view.zoom <= 1) return // nothing left to zoom out: scroll the page
    event.preventDefault()
    const frame = frameOf(viewer, canvas)
    zoomAt(canvas, event, event.deltaY < 0 ? 1.25 : 0.8, frame.view, frame.size)
    frame.keep()
    viewer.draw()
  }
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId)
    const { row, column } = frameOf(viewer, canvas).view
    start = { x: event.clientX, y: event.clientY, row, column }
  }
  canvas.onpointermove = (event) => {
    const frame = frameOf(viewer, canvas)
    if (start && viewer.view.zoom > 1) {
      const g = geometry(canvas, frame.view, frame.size)
      const perPixel = g.ratio / g.scale
      frame.view.column = start.column - ((event.clientX - start.x) * perPixel) / frame.size[1]
      frame.view.row = start.row - ((event.clientY - start.y) * perPixel) / frame.size[0]
      clampView(frame.view, canvas, frame.size)
      frame.keep()
    }
    viewer.hover = frame.picked(pixelAt(canvas, event, frame.view, frame.size))
    viewer.draw()
  }
  canvas.onpointerup = (event) => {
    const moved = start && Math.hypot(event.clientX - start.x, event.clientY - start.y)
    start = null
    if (moved !== null && moved <= CLICK_SLACK) {
      const frame = frameOf(viewer, canvas)
      viewer.pinAt(frame.picked(pixelAt(canvas, event, frame.view, frame.size)))
    }
  }
  canvas.onpointerleave = () => {
    viewer.hover = null
    viewer.draw()
  }
  canvas.ondblclick = () => viewer.resetView()
}
