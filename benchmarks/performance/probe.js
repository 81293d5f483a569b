// In every page that is measured: when an input event came, and when the mask's pixels had changed.
//
// A small copy of the mask is compared at each frame, whatever the page draws it with: a canvas, an
// <img>, an <image> in an SVG. What is not decoded yet is not copied, so decoding counts. The time of
// a change is taken behind the frame's paint, in a task that the frame's callback posts.

(() => {
  const SIDE = 64 // pixels of the copy
  const QUIET_MS = 400 // without a change: settled
  const small = document.createElement("canvas")
  small.width = small.height = SIDE
  const context = small.getContext("2d", { willReadFrequently: true })
  context.imageSmoothingQuality = "medium" // averages, so that no pixel is passed over
  const probe = (window.probe = { mask: "", events: [], changes: [], states: [], found: {} })

  // The first element below any shadow root; looked for again once it has left the page.
  probe.element = (selector) => {
    const kept = probe.found[selector]
    return kept?.isConnected ? kept : (probe.found[selector] = search(document, selector))
  }

  function search(root, selector) {
    const found = root.querySelector(selector)
    if (found) return found
    for (const host of root.querySelectorAll("*")) {
      const below = host.shadowRoot && search(host.shadowRoot, selector)
      if (below) return below
    }
    return null
  }

  function copy() {
    const element = probe.element(probe.mask)
    try {
      if (element) context.drawImage(element, 0, 0, SIDE, SIDE)
    } catch {
      return probe.copied // without a size yet
    }
    let sum = 7
    for (const value of context.getImageData(0, 0, SIDE, SIDE).data) sum = (sum * 31 + value) | 0
    return sum
  }

  function afterPaint(act) {
    const channel = new MessageChannel()
    channel.port1.onmessage = act
    channel.port2.postMessage(null)
  }

  function look() {
    requestAnimationFrame(look)
    const now = copy()
    if (now !== probe.copied) {
      probe.copied = now
      afterPaint(() => probe.changes.push(performance.now()))
    }
    noteState()
  }

  // Our viewer's own word on what it shows: whether it is the exact answer, and whether the page
  // has its position too.
  function noteState() {
    const viewer = probe.element(".viewer")
    if (!viewer) return
    const last = probe.states.at(-1)
    const behind = viewer.classList.contains("pending")
    const answer = viewer.dataset.answer ?? (behind ? "older" : "exact")
    if (last?.answer === answer && last?.behind === behind) return
    probe.states.push({ time: performance.now(), answer, exact: answer === "exact", behind })
  }

  for (const type of ["keydown", "input"]) {
    const note = (event) => probe.events.push({ type, time: event.timeStamp })
    window.addEventListener(type, note, true)
  }

  probe.watch = (mask) => {
    probe.mask = mask
    if (!probe.watching) look()
    probe.watching = true
  }

  probe.begin = () => Object.assign(probe, { events: [], changes: [], states: probe.states.slice(-1) })

  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

  async function until(holds, limit) {
    const end = performance.now() + limit
    while (!holds() && performance.now() < end) await pause(10)
    return holds()
  }

  // From the first key of a control to the first changed picture, in ms; null within the limit.
  probe.painted = async (limit) => {
    const pressed = () => probe.events.find((event) => event.type === "keydown")?.time
    const after = () => probe.changes.find((time) => time > pressed())
    return (await until(after, limit)) ? after() - pressed() : null
  }

  // Nothing changes any more, and our page says that it is where its sliders are.
  const exact = () => !probe.states.at(-1) || (probe.states.at(-1).exact && !probe.states.at(-1).behind)
  const still = () => performance.now() - (probe.changes.at(-1) ?? 0) > QUIET_MS
  probe.settled = (limit) => until(() => still() && exact(), limit)

  probe.set = (input, value) => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, value)
    input.dispatchEvent(new Event("input", { bubbles: true, composed: true }))
  }

  // Pull a slider through positions and let it go; what was seen on the way.
  probe.drag = async (selector, positions, interval, limit) => {
    const input = probe.element(selector)
    probe.begin()
    for (const position of positions) {
      probe.set(input, position)
      await pause(interval)
    }
    input.dispatchEvent(new Event("change", { bubbles: true, composed: true }))
    const settled = await probe.settled(limit)
    const moves = probe.events.filter((event) => event.type === "input").map((event) => event.time)
    return { settled, moves, changes: probe.changes, states: probe.states }
  }

  // Drags one after the other for some time, each through positions of its own.
  probe.dragFor = async (selectors, seconds, start, interval, limit) => {
    const end = performance.now() + 1000 * seconds
    const seen = []
    for (let k = 0; performance.now() < end; k++) {
      const first = 100 + ((start + 37 * k) % 400)
      const positions = Array.from({ length: 20 }, (_, step) => first + 20 * step)
      seen.push(await probe.drag(selectors[k % selectors.length], positions, interval, limit))
    }
    return seen
  }
})()
