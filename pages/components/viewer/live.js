// Live: the newest position of the sliders, asked of the server beside the page, one at a time.
//
// While a slider moves, a fast answer is painted and marked as such; once it rests, the exact one,
// and the page follows with its numbers. A position that was visited is painted at once. A fast
// answer on its way is waited for while the slider moves, or a hand that never rests would see none;
// at rest it is given up for the exact one, as an exact one is that the slider has moved on from.

const EXACT_MS = 80 // without a move, after which the exact answer is asked for
const PAGE_MS = 300 // and after which the page takes the position over
const VISITED_BYTES = 64 * 2 ** 20 // of answers that are kept

function newLive() {
  return { next: null, asking: null, visited: new Map(), bytes: 0, timers: [], lost: false, reached: "", took: {} }
}

const isLive = (viewer) => Boolean(viewer.data.live.url) && !viewer.live.lost
const isMoving = (viewer) => viewer.live.timers.length > 0

function positionOf(viewer) {
  return `${viewer.data.live.key} ${viewer.local.mean} ${viewer.local.std}`
}

// Somebody reaches for a slider: the server looks for the fastest way to run this network meanwhile.
function reachFor(viewer) {
  const { live, data } = viewer
  if (!isLive(viewer) || live.reached === data.live.key || live.asking) return
  live.reached = data.live.key
  live.next = { resting: true, ...viewer.local }
  ask(viewer)
}

// A slider moved: paint what is known of the position, and ask for what is not.
function slid(viewer) {
  const { live } = viewer
  for (const timer of live.timers) clearTimeout(timer)
  live.timers = [
    setTimeout(() => askFor(viewer, true), EXACT_MS),
    setTimeout(() => rested(viewer), PAGE_MS),
  ]
  askFor(viewer, false)
}

// The slider was let go, or stood still: the page follows.
function rested(viewer) {
  for (const timer of viewer.live.timers) clearTimeout(timer)
  viewer.live.timers = []
  askFor(viewer, true)
  post(viewer.outbox, { mean: viewer.local.mean, std: viewer.local.std }, true)
  showPending(viewer)
}

function askFor(viewer, resting) {
  const { live } = viewer
  if (!isLive(viewer)) return // the page is asked
  const known = live.visited.get(positionOf(viewer))
  if (known) showAnswer(viewer, known)
  live.next = !known || (resting && known.answer !== "exact") ? { resting, ...viewer.local } : null
  const passed = live.asking && live.asking.at !== positionOf(viewer)
  if (passed && (live.asking.resting || resting)) live.asking.end.abort() // nobody waits for it
  if (!live.asking && live.next) ask(viewer)
}

async function ask(viewer) {
  const { live, data } = viewer
  const { resting, mean, std } = live.next
  const at = `${data.live.key} ${mean} ${std}`
  live.next = null
  live.asking = { at, resting, end: new AbortController() }
  try {
    const body = JSON.stringify({ mean, std, resting, took: live.took })
    const began = performance.now()
    live.took = {}
    const response = await fetch(data.live.url, { method: "POST", body, signal: live.asking.end.signal })
    if (response.status === 200) {
      const plane = unpackPlane(new Uint8Array(await response.arrayBuffer()))
      noteTimes(live, response, began)
      keepAnswer(viewer, at, plane)
    } else live.lost = response.status === 404 // the page says why
  } catch (error) {
    live.lost = error.name !== "AbortError" // the page is asked from now on
  }
  live.asking = null
  if (live.next) ask(viewer)
}

// What sending and painting took: the server tells its own part, the next question takes both along.
function noteTimes(live, response, began) {
  const server = Number(/dur=([\d.]+)/.exec(response.headers.get("server-timing"))?.[1])
  const arrived = performance.now()
  if (server) live.took.send = Math.max(0, arrived - began - server)
  requestAnimationFrame(() => setTimeout(() => (live.took.paint = performance.now() - arrived)))
}

function keepAnswer(viewer, at, plane) {
  const { live } = viewer
  keepPosition(live, at, plane)
  const current = positionOf(viewer)
  const passed = at !== current && live.visited.has(current) // something better is on the screen
  if (plane.key === viewer.data.live.key && !passed) showAnswer(viewer, plane)
}

// The oldest positions are forgotten; an exact answer is never replaced by another one.
function keepPosition(live, at, plane) {
  const before = live.visited.get(at)
  if (before?.answer === "exact") return
  live.bytes += sizeOf(plane) - (before ? sizeOf(before) : 0)
  live.visited.delete(at)
  live.visited.set(at, plane)
  for (const [old, kept] of live.visited) {
    if (live.bytes <= VISITED_BYTES || old === at) break
    live.visited.delete(old)
    live.bytes -= sizeOf(kept)
  }
}

function sizeOf(plane) {
  return Object.values(plane).reduce((sum, value) => sum + (value?.byteLength ?? 0), 0)
}

function showAnswer(viewer, plane) {
  viewer.result = plane
  viewer.layers.logits = logitsLayer(plane, viewer.colormap)
  viewer.fact("logits", plane.logits_fact)
  paintLabels(viewer)
  drawThumbs(viewer.root.querySelector(".thumbs"), plane, viewer.colormap, viewer.data.channel)
  viewer.root.dataset.ready = plane.id
  showPending(viewer)
  viewer.draw()
}
