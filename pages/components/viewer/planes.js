// Planes: arrays that came from Python, kept by content id, so that an unchanged one is never sent twice.
// Layout: u32 header length | JSON {id, kind, meta, arrays: {name: [dtype, shape, offset]}} | bytes.

const KEPT_PER_KIND = 3
const TYPES = { u1: Uint8Array, u2: Uint16Array, f4: Float32Array }

function planeStore() {
  return (window.maskscopePlanes ??= new Map())
}

function unpackPlane(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)))
  const plane = { id: header.id, kind: header.kind, ...header.meta }
  for (const [name, [dtype, shape, offset]] of Object.entries(header.arrays)) {
    const count = shape.reduce((product, size) => product * size, 1)
    const start = bytes.byteOffset + 4 + length + offset
    const size = count * TYPES[dtype].BYTES_PER_ELEMENT
    plane[name] = new TYPES[dtype](bytes.buffer.slice(start, start + size)) // a copy is aligned
    plane[name].shape = shape
  }
  return plane
}

function keepPlane(plane) {
  const store = planeStore()
  store.delete(plane.id)
  store.set(plane.id, plane)
  const same = [...store.values()].filter((other) => other.kind === plane.kind)
  for (const old of same.slice(0, -KEPT_PER_KIND)) store.delete(old.id)
  window.dispatchEvent(new Event("maskscope-plane"))
}
