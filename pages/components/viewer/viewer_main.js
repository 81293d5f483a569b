// The viewer: five linked panels, one probe, the live sliders.

const viewers = new WeakMap() // by mounted element, so that zoom and drag survive a rerun
const STAGES = ["raw", "normalized", "logits", "argmax", "mask"]
const SETTINGS = ".sliders input, .threshold input, .alpha, .palette" // what a shared run holds still
const PALETTE_PAUSE_MS = 500 // somebody who leafs through palettes is sent to Python once

export default function (component) {
  let viewer = viewers.get(component.parentElement)
  if (!viewer) viewers.set(component.parentElement, (viewer = newViewer(component.parentElement)))
  viewer.outbox.send = (live) => component.setStateValue("live", live)
  viewer.sendPin = (pin) => component.setStateValue("pin", pin)
  viewer.offered = component.data
  adopt(viewer)
  return () => viewer.close()
}

function newViewer(parent) {
  const root = parent.querySelector(".viewer")
  const viewer = {
    root,
    view: newView(),
    hover: null,
    pin: null,
    layers: {},
    local: null,
    dragging: null, // the input element under the finger
    outbox: newOutbox(() => {}),
    live: newLive(),
    canvas: (stage) => root.querySelector(`[data-stage=${stage}] canvas.panel`),
    fact: (stage, text) => (root.querySelector(`[data-stage=${stage}] .fact`).textContent = text),
    draw: () => requestDraw(viewer),
    pinAt: (at) => pinAt(viewer, at),
    resetView: () => {
      viewer.view = newView()
      viewer.draw()
    },
  }
  const onPlane = () => adopt(viewer)
  const resized = new ResizeObserver(() => viewer.data && (paintFixed(viewer), viewer.draw()))
  window.addEventListener("maskscope-plane", onPlane)
  resized.observe(root)
  const connection = sendAgainWhenConnected(viewer.outbox)
  viewer.close = () => {
    connection.disconnect()
    window.removeEventListener("maskscope-plane", onPlane)
    resized.disconnect()
  }
  for (const stage of STAGES) listenToPointer(viewer.canvas(stage), viewer)
  listenToControls(viewer)
  listenToKeys(viewer)
  return viewer
}

// Take over what Python offered, as soon as all of its planes are here.
function adopt(viewer) {
  const data = viewer.offered
  const store = planeStore()
  const planes = data && ["picture", "input", "result", "gauge"].map((kind) => store.get(data[kind]))
  if (!planes || planes.some((plane) => !plane)) return
  const before = viewer.data
  viewer.data = data
  const [picture, input, result, gauge] = planes
  Object.assign(viewer, { picture, input, gauge })
  keepPosition(viewer.live, `${data.live.key} ${data.local.mean} ${data.local.std}`, result)
  viewer.size = data.size
  viewer.colormap = bytesOf(data.colormap)
  if (before?.picture !== data.picture) viewer.view = newView()
  if (before?.input !== data.input) viewer.counts = countSamples(viewer.input)
  viewer.pin = data.pin
  acknowledge(viewer.outbox, data.answered)
  const follows = !hasUnsent(viewer)
  if (follows || !viewer.local) viewer.local = { ...data.local }
  viewer.result = viewer.live.visited.get(positionOf(viewer)) ?? viewer.result ?? result
  if (follows || before?.live.key !== data.live.key) viewer.result = result
  paintAll(viewer)
  viewer.root.dataset.ready = viewer.result.id
  Object.assign(viewer.root.dataset, data.queue)
}

// What somebody has set here and Python does not know yet is not taken back by a page that comes in.
function hasUnsent(viewer) {
  const sent = viewer.outbox.waiting === null
  return Boolean(viewer.dragging || viewer.paletteTimer || isMoving(viewer) || !sent)
}

function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16))
}

// --- painting -----------------------------------------------------------------------------------

function affineOf(viewer) {
  const { data, local } = viewer
  if (data.fixed_affine) return data.fixed_affine // per-image z-score: nothing to slide
  const channels = [...viewer.input.order].map((_, c) => c)
  const { divisor, divide_again: again } = data
  return {
    gain: channels.map((c) => 1 / (divisor * local.std[c] * again)),
    offset: channels.map((c) => -local.mean[c] / (local.std[c] * again)),
  }
}

function cutOf(viewer) {
  const { data, local } = viewer
  if (data.activation !== "sigmoid") return local.threshold
  if (local.threshold <= 0) return -Infinity
  return local.threshold >= 1 ? Infinity : Math.log(local.threshold / (1 - local.threshold))
}

function paintAll(viewer) {
  const aspect = viewer.size[1] / viewer.size[0]
  viewer.root.style.setProperty("--aspect", String(Math.max(aspect, 0.7)))
  fillControls(viewer)
  viewer.layers.raw = rawLayer(viewer.picture)
  viewer.fact("raw", viewer.data.facts.raw)
  viewer.layers.logits = logitsLayer(viewer.result, viewer.colormap)
  viewer.fact("logits", viewer.result.logits_fact)
  paintNormalized(viewer)
  paintLabels(viewer)
  paintFixed(viewer)
  showMarked(viewer)
  showPending(viewer)
  viewer.draw()
}

// Outline the stage at which the picture turns bad.
function showMarked(viewer) {
  for (const figure of viewer.root.querySelectorAll("figure")) {
    figure.classList.toggle("marked", figure.dataset.stage === viewer.data.marked)
  }
}

function paintNormalized(viewer) {
  const affine = affineOf(viewer)
  viewer.layers.normalized = normalizedLayer(viewer.input, affine)
  const [low, high] = tensorRange(viewer.input, affine)
  viewer.fact("normalized", `${low.toFixed(2)} .. ${high.toFixed(2)}`)
  const canvas = viewer.root.querySelector(".histogram")
  drawHistogram(canvas, viewer.input, viewer.counts, affine)
  showGauge(viewer.root.querySelector(".gauge"), viewer.gauge, affine)
}

function paintLabels(viewer) {
  const { result, local, data } = viewer
  viewer.ids = labelIds(result, cutOf(viewer))
  const confidence = viewer.root.querySelector(".confidence").checked
  paintColors(viewer)
  if (confidence) viewer.layers.argmax = confidenceLayer(result, viewer.colormap)
  const present = [...new Set(viewer.ids)].filter((id) => id !== result.none).sort((a, b) => a - b)
  viewer.fact("argmax", confidence ? "confidence 0 .. 1" : `${present.length} of ${data.class_names.length} classes`)
  viewer.fact("mask", `opacity ${Math.round(local.alpha * 100)} %`)
  showLegend(viewer, present)
}

function paintColors(viewer) {
  const { result, local, data } = viewer
  viewer.colors = colorTable(bytesOf(data.palettes[local.palette]), result.none)
  if (!viewer.root.querySelector(".confidence").checked) {
    viewer.layers.argmax = labelsLayer(viewer.ids, result.winner.shape, viewer.colors)
  }
  viewer.layers.mask = maskLayer(viewer.picture, viewer.ids, viewer.colors, local.alpha)
  viewer.fact("mask", `opacity ${Math.round(local.alpha * 100)} %`)
}

function paintFixed(viewer) {
  const thumbs = viewer.root.querySelector(".thumbs")
  drawThumbs(thumbs, viewer.result, viewer.colormap, viewer.data.channel)
  drawHistogram(viewer.root.querySelector(".histogram"), viewer.input, viewer.counts, affineOf(viewer))
}

// What the network has not answered yet is marked, never blanked.
function showPending(viewer) {
  const { data, local } = viewer
  const same = ["mean", "std"].every((kind) => String(local[kind]) === String(data.local[kind]))
  viewer.root.classList.toggle("pending", !same || viewer.outbox.waiting !== null)
  viewer.root.dataset.answer = answerOf(viewer)
  viewer.root.querySelector(".answer").textContent = ANSWERS[viewer.root.dataset.answer](viewer.result)
  viewer.root.classList.toggle("stale", Boolean(data.stale))
  viewer.root.querySelector(".said").textContent = data.status
}

// What the panels behind the network show: of this position, or of an older one.
function answerOf(viewer) {
  const { result, data, local } = viewer
  const known = viewer.live.visited.get(positionOf(viewer))
  if (known === result) return result.answer
  return String(local.mean) === String(data.local.mean) && String(local.std) === String(data.local.std) ? "exact" : "older"
}

const ANSWERS = {
  exact: () => "exact",
  fast: (plane) => `fast path: ${plane.path}; exact at rest`,
  preview: () => "preview from a smaller picture; exact at rest",
  older: () => "of an older position; the network follows",
}

function showLegend(viewer, present) {
  const chips = present.map((id) => {
    const chip = document.createElement("span")
    chip.className = "chip"
    const swatch = document.createElement("i")
    swatch.style.background = `rgb(${viewer.colors.slice(3 * id, 3 * id + 3).join(",")})`
    chip.append(swatch, viewer.data.class_names[id] ?? String(id))
    return chip
  })
  viewer.root.querySelector(".legend").replaceChildren(...chips)
}

function requestDraw(viewer) {
  viewer.frame ??= requestAnimationFrame(() => {
    viewer.frame = null
    if (viewer.data) drawPanels(viewer)
  })
}

function drawPanels(viewer) {
  const { picture, input, size } = viewer
  const step = picture.step
  const [height, width] = picture.rgb.shape
  const plane = [height * step, width * step]
  const perRow = size[0] / input.content[0]
  const perColumn = size[1] / input.content[1]
  const tensor = [input.base.shape[0] * input.step * perRow, input.base.shape[1] * input.step * perColumn]
  for (const stage of STAGES) {
    const canvas = viewer.canvas(stage)
    const frame = frameOf(viewer, canvas)
    const marks = [{ at: frame.place(viewer.pin), pinned: true }, { at: frame.place(viewer.hover) }]
    const fed = frame.size === size ? tensor : frame.size
    const cover = stage === "normalized" ? fed : plane
    drawPanel(canvas, viewer.layers[stage], cover, frame.view, frame.size, marks)
  }
  viewer.root.querySelector(".zoom-level").textContent = `${Number(viewer.view.zoom.toFixed(1))}x`
  viewer.root.querySelector(".probe").textContent = probeText(viewer, viewer.hover ?? viewer.pin)
}

// --- the probe ----------------------------------------------------------------------------------

function probeText(viewer, at) {
  if (!at) return "Point at a pixel to follow it through the stages."
  const { picture, input, result, data } = viewer
  const [row, column] = at
  const i = Math.floor(row / picture.step) * picture.rgb.shape[1] + Math.floor(column / picture.step)
  const raw = [...picture.rgb.slice(3 * i, 3 * i + 3)].join(" ")
  const [height, width, channels] = input.base.shape
  const [r, c] = pixelOf(toFed(input, shareOf(at, viewer.size)), [height, width])
  const j = (r * width + c) * channels
  const affine = affineOf(viewer)
  const values = affine.gain.map((_, k) => normalized(input, affine, k, input.base[j + k]).toFixed(3))
  const id = viewer.ids[i]
  const name = id === result.none ? "no class" : `${id} ${data.class_names[id] ?? ""}`
  const confidence = (result.confidence_low + (result.confidence[i] / 65535) * result.confidence_span).toFixed(3)
  const order = channels === 3 ? `${input.order} ` : ""
  return `row ${row}, column ${column}    raw ${raw}    normalized ${order}${values.join(" ")}    class ${name}    confidence ${confidence}`
}

function pinAt(viewer, at) {
  if (!at) return
  viewer.pin = at
  viewer.sendPin(at)
  viewer.draw()
}

// --- controls -----------------------------------------------------------------------------------

function listenToControls(viewer) {
  const find = (selector) => viewer.root.querySelector(selector)
  viewer.root.addEventListener("pointerdown", (event) => {
    viewer.dragging = event.target.matches("input[type=range]") ? event.target : null
  })
  window.addEventListener("pointerup", () => (viewer.dragging = null))
  const alpha = find(".alpha")
  alpha.oninput = () => {
    viewer.local.alpha = Number(alpha.value)
    alpha.nextElementSibling.textContent = `${Math.round(viewer.local.alpha * 100)} %`
    paintColors(viewer)
    viewer.draw()
  }
  alpha.onchange = () => release(viewer, { alpha: viewer.local.alpha })
  const threshold = find(".threshold input")
  threshold.oninput = () => {
    viewer.local.threshold = Number(threshold.value)
    threshold.nextElementSibling.textContent = threshold.value
    paintLabels(viewer)
    viewer.draw()
  }
  threshold.onchange = () => release(viewer, { threshold: viewer.local.threshold })
  const palette = find(".palette")
  palette.onchange = () => {
    viewer.local.palette = palette.value
    paintLabels(viewer)
    viewer.draw()
    clearTimeout(viewer.paletteTimer)
    const chosen = { palette: viewer.local.palette }
    viewer.paletteTimer = setTimeout(() => {
      viewer.paletteTimer = null
      release(viewer, chosen)
    }, PALETTE_PAUSE_MS)
  }
  for (const event of ["pointerenter", "focusin"]) {
    find(".sliders").addEventListener(event, () => viewer.data && reachFor(viewer))
  }
  find(".channel").onchange = (event) => release(viewer, { channel: Number(event.target.value) })
  find(".thumbs").onclick = (event) => release(viewer, { channel: thumbAt(viewer, event) })
  find(".confidence").onchange = () => {
    paintLabels(viewer)
    viewer.draw()
  }
  for (const button of viewer.root.querySelectorAll("[data-zoom]")) {
    button.onclick = () => {
      const factor = Number(button.dataset.zoom)
      viewer.view = factor ? { ...viewer.view, zoom: viewer.view.zoom * factor } : newView()
      clampView(viewer.view, viewer.canvas("raw"), viewer.size)
      viewer.draw()
    }
  }
}

function release(viewer, changes) {
  viewer.dragging = null
  post(viewer.outbox, changes, true)
}

function thumbAt(viewer, event) {
  const canvas = event.target
  const [count, height, width] = viewer.result.thumbs.shape
  const column = Math.floor((event.offsetX * canvas.width) / canvas.clientWidth / (width + 4))
  const row = Math.floor((event.offsetY * canvas.height) / canvas.clientHeight / (height + 4))
  return Math.min(count - 1, row * canvas.columns + column)
}

function fillControls(viewer) {
  const { root, data, local, result } = viewer
  fillSelect(root.querySelector(".channel"), result.channel_names, data.channel)
  fillSelect(root.querySelector(".palette"), data.palette_labels, local.palette)
  const alpha = root.querySelector(".alpha")
  if (viewer.dragging !== alpha) alpha.value = local.alpha
  alpha.nextElementSibling.textContent = `${Math.round(local.alpha * 100)} %`
  const threshold = root.querySelector(".threshold input")
  root.querySelector(".threshold").hidden = !result.score
  ;[threshold.min, threshold.max] = data.threshold_range
  threshold.step = (data.threshold_range[1] - data.threshold_range[0]) / 1000 || 0.001
  if (viewer.dragging !== threshold) threshold.value = local.threshold
  threshold.nextElementSibling.textContent = String(local.threshold)
  root.querySelector(".rule").textContent = `4 ${data.rule_label}`
  const sliders = root.querySelector(".sliders")
  sliders.hidden = Boolean(data.fixed_affine)
  const onInput = (kind, channel, step) => {
    const value = kind === "mean" ? stepToMean(step, data.unit) : stepToStd(step, data.unit)
    viewer.local[kind] = viewer.local[kind].map((old, c) => (c === channel ? round6(value) : old))
    showChannelSliders(sliders, viewer.local, viewer.data.unit)
    paintNormalized(viewer)
    if (isLive(viewer)) slid(viewer)
    else post(viewer.outbox, { [kind]: viewer.local[kind] }, false)
    showPending(viewer)
    viewer.draw()
  }
  if (sliders.dataset.unit !== String(data.unit)) sliders.dataset.order = ""
  sliders.dataset.unit = data.unit
  buildChannelSliders(sliders, viewer.input.order, onInput, () => {
    if (viewer.dragging || !isLive(viewer)) rested(viewer) // keys change with every press: they rest later
    viewer.dragging = null
  })
  showChannelSliders(sliders, local, data.unit)
  for (const control of root.querySelectorAll(SETTINGS)) control.disabled = Boolean(data.at_rest)
}

// `choices`: a list (the value is the place) or an object (the value is the key).
function fillSelect(select, choices, chosen) {
  const text = JSON.stringify(choices)
  if (select.dataset.choices !== text) {
    select.dataset.choices = text
    const options = Object.entries(choices).map(([value, label]) => new Option(label, value))
    select.replaceChildren(...options)
  }
  select.value = String(chosen)
}

// --- keyboard -----------------------------------------------------------------------------------

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }

function listenToKeys(viewer) {
  viewer.root.onkeydown = (event) => {
    if (event.target.matches("input, select, button")) return
    if (event.key >= "1" && event.key <= "5") enlarge(viewer, STAGES[event.key - 1])
    else if (event.key === "Escape") enlarge(viewer, null)
    else if (event.key in ARROWS) movePin(viewer, ARROWS[event.key])
    else return
    event.preventDefault()
  }
}

function enlarge(viewer, stage) {
  viewer.root.classList.toggle("enlarged", stage !== null)
  for (const figure of viewer.root.querySelectorAll("figure")) {
    figure.classList.toggle("large", figure.dataset.stage === stage)
  }
  viewer.draw()
}

function movePin(viewer, [rows, columns]) {
  const at = viewer.pin ?? [Math.floor(viewer.size[0] / 2), Math.floor(viewer.size[1] / 2)]
  viewer.pin = [
    Math.min(Math.max(at[0] + rows, 0), viewer.size[0] - 1),
    Math.min(Math.max(at[1] + columns, 0), viewer.size[1] - 1),
  ]
  clearTimeout(viewer.pinTimer)
  viewer.pinTimer = setTimeout(() => viewer.sendPin(viewer.pin), PALETTE_PAUSE_MS / 2)
  viewer.draw()
}
