// A tile: the small picture with the mask over it, drawn when both are here.

const KEPT_TILES = 400 // small pictures and masks that the browser keeps

function newCache() {
  return new Map()
}

// The value of a key, made once; the oldest go.
function cached(cache, key, make) {
  if (cache.has(key)) {
    const known = cache.get(key)
    cache.delete(key)
    cache.set(key, known)
    return known
  }
  const made = make()
  made.catch(() => cache.delete(key)) // the next view of it asks again
  cache.set(key, made)
  for (const old of cache.keys()) {
    if (cache.size <= KEPT_TILES) break
    cache.delete(old)
  }
  return made
}

async function answered(url) {
  const response = await fetch(url)
  if (!response.ok) throw new Error(await response.text())
  return response
}

async function pictureAt(url) {
  return createImageBitmap(await (await answered(url)).blob())
}

async function labelsAt(url) {
  const bytes = await (await answered(url)).arrayBuffer()
  const [height, width] = new Uint16Array(bytes, 0, 2)
  return { height, width, ids: new Uint16Array(bytes, 4) }
}

// The mask's own pixels decide the size of the canvas, so that no id is resized. Without its picture
// a mask is drawn alone.
function drawTile(canvas, picture, labels, colors, hidden, alpha) {
  const { width, height } = labels ?? picture
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext("2d", { willReadFrequently: true })
  if (picture) context.drawImage(picture, 0, 0, width, height)
  else context.fillRect(0, 0, width, height)
  const over = picture ? alpha : 1
  if (!labels) return
  const image = context.getImageData(0, 0, width, height)
  const { data } = image
  for (let i = 0; i < labels.ids.length; i++) {
    const id = labels.ids[i]
    if (hidden.has(id) || 3 * id >= colors.length) continue
    for (let c = 0; c < 3; c++) {
      data[4 * i + c] += over * (colors[3 * id + c] - data[4 * i + c])
    }
  }
  context.putImageData(image, 0, 0)
}
