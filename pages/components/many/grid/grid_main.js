// The grid: a tall empty space, and in it only the cells that are in view.

const CELL_WIDTH = 176, CELL_HEIGHT = 178 // pixels
const AHEAD = 1 // lines above and below the view that are made too
const grids = new WeakMap() // by mounted element
const keptChoices = (window.maskscopeGrids ??= new Map()) // what was chosen, by set: for who comes back

export default function (component) {
  let grid = grids.get(component.parentElement)
  if (!grid) grids.set(component.parentElement, (grid = newGrid(component.parentElement)))
  grid.open = (index) => component.setTriggerValue("open", index)
  adopt(grid, component.data)
  return () => grid.resized.disconnect()
}

function newGrid(parent) {
  const root = parent.querySelector(".grid")
  const find = (name) => root.querySelector(`.${name}`)
  const grid = { root, find, cells: new Map(), cache: newCache(), choice: newChoice(), shown: [], data: null }
  grid.resized = new ResizeObserver(() => grid.data && layOut(grid))
  grid.resized.observe(find("scroll"))
  find("scroll").addEventListener("scroll", () => scrolled(grid), { passive: true })
  for (const name of ["search", "sort", "column", "low", "high"]) {
    find(name).addEventListener("input", (event) => choose(grid, { [name]: event.target.value, top: 0 }))
  }
  find("direction").addEventListener("click", () => choose(grid, { down: !grid.choice.down, top: 0 }))
  find("alpha").addEventListener("input", (event) => choose(grid, { alpha: Number(event.target.value) }))
  return grid
}

function adopt(grid, data) {
  const first = grid.data?.key !== data.key
  grid.data = data
  grid.colors = Uint8Array.from(data.colors.match(/../g) ?? [], (pair) => parseInt(pair, 16))
  if (first) grid.choice = keptChoices.get(data.key) ?? newChoice()
  showControls(grid)
  refresh(grid)
  if (first) requestAnimationFrame(() => (grid.find("scroll").scrollTop = grid.choice.top))
}

function choose(grid, changes) {
  Object.assign(grid.choice, changes)
  keptChoices.set(grid.data.key, grid.choice)
  if ("top" in changes) grid.find("scroll").scrollTop = changes.top
  showControls(grid)
  refresh(grid)
}

function scrolled(grid) {
  if (!grid.data) return
  grid.choice.top = grid.find("scroll").scrollTop
  keptChoices.set(grid.data.key, grid.choice)
  layOut(grid)
}

// --- controls -----------------------------------------------------------------------------------

function showControls(grid) {
  const { find, choice, data } = grid
  const known = knownColumns(data.rows)
  fillSelect(find("sort"), known.map((name) => [name, COLUMNS[name]]), choice.sort || worstFirst(data.rows))
  fillSelect(find("column"), [["", "all"], ...known.map((name) => [name, COLUMNS[name]])], choice.column)
  for (const name of ["search", "low", "high"]) {
    if (find(name).value !== choice[name]) find(name).value = choice[name]
  }
  find("low").hidden = find("high").hidden = !choice.column
  find("alpha").value = choice.alpha
  find("direction").textContent = choice.down ? "\u2193 largest first" : "\u2191 smallest first"
  showLegend(grid)
}

function fillSelect(select, options, value) {
  const wanted = JSON.stringify(options)
  if (select.dataset.options !== wanted) {
    select.dataset.options = wanted
    select.replaceChildren(...options.map(([name, label]) => new Option(label, name)))
  }
  select.value = value
}

// A class that is switched off shows the picture below it.
function showLegend(grid) {
  const { data, choice } = grid
  const chips = data.classes.map(([id, name]) => {
    const chip = document.createElement("button")
    const swatch = document.createElement("i")
    chip.type = "button"
    chip.className = "chip"
    chip.ariaPressed = String(!choice.hidden.includes(id))
    swatch.style.background = `rgb(${[0, 1, 2].map((c) => grid.colors[3 * id + c])})`
    chip.append(swatch, name)
    chip.addEventListener("click", () => toggle(grid, id))
    return chip
  })
  grid.find("legend").replaceChildren(...chips)
}

function toggle(grid, id) {
  const { hidden } = grid.choice
  choose(grid, { hidden: hidden.includes(id) ? hidden.filter((each) => each !== id) : [...hidden, id] })
}

// --- cells --------------------------------------------------------------------------------------

function refresh(grid) {
  const { data, choice } = grid
  grid.shown = shownRows(data.rows, choice, data.picked)
  const total = data.rows.index.length
  const count = grid.shown.length.toLocaleString("en-US")
  grid.find("count").textContent = `${count} of ${total.toLocaleString("en-US")} pictures`
  grid.root.dataset.shown = String(grid.shown.length)
  for (const cell of grid.cells.values()) cell.remove()
  grid.cells.clear()
  layOut(grid)
}

function layOut(grid) {
  const scroll = grid.find("scroll")
  const across = Math.max(1, Math.floor(scroll.clientWidth / CELL_WIDTH))
  const width = Math.floor(scroll.clientWidth / across)
  grid.find("space").style.height = `${Math.ceil(grid.shown.length / across) * CELL_HEIGHT}px`
  const first = Math.max(0, Math.floor(scroll.scrollTop / CELL_HEIGHT) - AHEAD) * across
  const lines = Math.ceil(scroll.clientHeight / CELL_HEIGHT) + 1 + 2 * AHEAD
  const wanted = new Map(grid.shown.slice(first, first + lines * across).map((k, n) => [k, first + n]))
  for (const [k, cell] of grid.cells) {
    if (wanted.has(k)) continue
    cell.remove()
    grid.cells.delete(k)
  }
  for (const [k, place] of wanted) {
    const cell = grid.cells.get(k) ?? newCell(grid, k)
    cell.style.width = `${width}px`
    cell.style.height = `${CELL_HEIGHT}px`
    cell.style.left = `${(place % across) * width}px`
    cell.style.top = `${Math.floor(place / across) * CELL_HEIGHT}px`
  }
}

function newCell(grid, k) {
  const { rows, opened } = grid.data
  const cell = document.createElement("button")
  const canvas = document.createElement("canvas")
  cell.type = "button"
  cell.className = "cell"
  cell.dataset.index = rows.index[k]
  cell.title = rows.picture[k]
  cell.classList.toggle("failed", Boolean(rows.reason[k]))
  cell.classList.toggle("opened", rows.index[k] === opened)
  cell.append(canvas, line("name", rows.picture[k]), line("figures", rows.reason[k] || figures(grid, k)))
  cell.addEventListener("click", () => grid.open(rows.index[k]))
  grid.cells.set(k, cell)
  grid.find("space").append(cell)
  paint(grid, k, canvas)
  return cell
}

function line(name, text) {
  const span = document.createElement("span")
  span.className = name
  span.textContent = text
  return span
}

// What the grid is sorted by, and the score.
function figures(grid, k) {
  const { rows } = grid.data
  const names = new Set([grid.choice.sort || worstFirst(rows), "mean_iou", "foreground"])
  return [...names].map((name) => figureOf(rows, k, name)).filter(Boolean).slice(0, 2).join(", ")
}

async function paint(grid, k, canvas) {
  const { address, rows, key } = grid.data
  const digest = rows.labels[k]
  const at = (path) => `${address}/${path}`
  const asked = [
    cached(grid.cache, `${key} ${rows.index[k]}`, () => pictureAt(at(`picture/${rows.index[k]}`))),
    digest ? cached(grid.cache, digest, () => labelsAt(at(`labels/${digest}`))) : null,
  ]
  const [picture, labels] = await Promise.allSettled(asked)
  if (!canvas.isConnected || !(picture.value ?? labels.value)) return
  drawTile(canvas, picture.value, labels.value, grid.colors, new Set(grid.choice.hidden), grid.choice.alpha)
  canvas.dataset.drawn = "1"
}
