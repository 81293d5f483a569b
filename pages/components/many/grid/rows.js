// Which rows are shown, in which order: sorted and filtered by any column. No drawing here.

const COLUMNS = {
  index: "place in the set", mean_iou: "mIoU", accuracy: "accuracy", dice: "Dice",
  foreground: "foreground", confidence: "confidence", first_kl: "KL divergence", seconds: "seconds",
}
const SHARES = ["accuracy", "foreground", "confidence"] // shown in percent, filtered from 0 to 1

function newChoice() {
  return { search: "", sort: "", down: false, column: "", low: "", high: "", alpha: 0.6, hidden: [], top: 0 }
}

// Columns that say something of this set.
function knownColumns(rows) {
  return Object.keys(COLUMNS).filter((name) => rows[name].some((value) => value !== null))
}

// Without a choice the worst comes first: failed, then the lowest mIoU, or the least foreground.
function worstFirst(rows) {
  return rows.mean_iou.some((value) => value !== null) ? "mean_iou" : "foreground"
}

function shownRows(rows, choice, picked) {
  const sort = choice.sort || worstFirst(rows)
  const wanted = picked.length ? new Set(picked) : null
  const text = choice.search.toLowerCase()
  const [low, high] = [numberOr(choice.low, -Infinity), numberOr(choice.high, Infinity)]
  const inside = (value) => value !== null && value >= low && value <= high
  const kept = rows.index.map((_, k) => k).filter((k) =>
    (!wanted || wanted.has(rows.index[k])) &&
    (!text || rows.picture[k].toLowerCase().includes(text)) &&
    (!choice.column || (choice.low === "" && choice.high === "") || inside(rows[choice.column][k])))
  const rank = (k) => rows[sort][k] ?? -Infinity // what has no value failed, or has no truth
  const sign = choice.down ? -1 : 1
  return kept.sort((a, b) => sign * (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0) || a - b)
}

function numberOr(text, other) {
  return text === "" || Number.isNaN(Number(text)) ? other : Number(text)
}

function figureOf(rows, k, name) {
  const value = rows[name][k]
  if (value === null) return ""
  if (SHARES.includes(name)) return `${COLUMNS[name]} ${(100 * value).toFixed(1)} %`
  return `${COLUMNS[name]} ${name === "index" ? value : value.toFixed(3)}`
}
