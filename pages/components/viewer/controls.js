// Controls: the sliders that must be live while they are dragged, and how their values reach Python.
//
// Streamlit's own slider is silent during a drag. These speak: display settings stay in the browser
// until they are released; mean and std are also sent during the drag, the next one only after the
// answer to the one before has been painted, and the last position always.

const ANSWER_LIMIT_MS = 5000 // a lost answer must not silence the sliders
const STD_LOW = 1e-3 // of the unit; the std slider is logarithmic over these decades
const STD_DECADES = 3.6
const STEPS = 1000

function newOutbox(send) {
  return { send, seq: Date.now(), waiting: null, sent: null, changes: {}, final: false, since: 0 }
}

// Queue changes; `final` ones also ask the page to show them in its own fields.
function post(outbox, changes, final) {
  Object.assign(outbox.changes, changes)
  outbox.final = outbox.final || final
  flush(outbox)
}

function flush(outbox) {
  const late = performance.now() - outbox.since > ANSWER_LIMIT_MS
  if (!Object.keys(outbox.changes).length || (outbox.waiting !== null && !late)) return
  outbox.waiting = ++outbox.seq
  outbox.since = performance.now()
  outbox.sent = { seq: outbox.seq, changes: outbox.changes, final: outbox.final }
  outbox.send(outbox.sent)
  outbox.changes = {}
  outbox.final = false
}

function acknowledge(outbox, answered) {
  if (outbox.waiting !== null && answered >= outbox.waiting) outbox.waiting = null
  flush(outbox)
}

// What Streamlit is told while its connection is lost is lost too: say it again once it is back.
function sendAgainWhenConnected(outbox) {
  const app = document.querySelector("[data-test-connection-state]")
  const connected = () => app.dataset.testConnectionState === "CONNECTED"
  const observer = new MutationObserver(() => {
    if (connected() && outbox.waiting !== null) outbox.send({ ...outbox.sent })
  })
  if (app) observer.observe(app, { attributeFilter: ["data-test-connection-state"] })
  return observer
}

const meanToStep = (mean, unit) => (mean / unit) * STEPS
const stepToMean = (step, unit) => (step / STEPS) * unit
const stdToStep = (std, unit) => (Math.log10(std / unit / STD_LOW) / STD_DECADES) * STEPS
const stepToStd = (step, unit) => unit * STD_LOW * 10 ** ((step / STEPS) * STD_DECADES)
const round6 = (value) => Number(value.toPrecision(6))

// One row "R mean --o-- .485  std --o-- .229" for each channel that is fed.
function buildChannelSliders(root, order, onInput, onRelease) {
  const channels = [...order]
  if (root.dataset.order === order) return
  root.dataset.order = order
  root.replaceChildren(
    ...channels.flatMap((name, c) => ["mean", "std"].map((kind) => slider(name, kind, c))),
  )
  function slider(name, kind, channel) {
    const label = document.createElement("label")
    label.className = "slider"
    label.innerHTML = `<span>${kind} ${name}</span><input type="range" min="0" max="${STEPS}" step="1"><output></output>`
    const input = label.querySelector("input")
    input.dataset.kind = kind
    input.dataset.channel = channel
    input.setAttribute("aria-label", `${kind} of channel ${name}`)
    input.oninput = () => onInput(kind, channel, Number(input.value))
    input.onchange = () => onRelease()
    return label
  }
}

function showChannelSliders(root, local, unit) {
  for (const input of root.querySelectorAll("input")) {
    const { kind, channel } = input.dataset
    const value = local[kind][channel]
    const step = kind === "mean" ? meanToStep(value, unit) : stdToStep(value, unit)
    const shown = String(Math.round(step))
    if (input.value !== shown) input.value = shown
    input.nextElementSibling.textContent = String(Number(value.toPrecision(4)))
  }
}
