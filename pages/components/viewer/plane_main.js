// The invisible element that carries one plane.

export default function ({ data }) {
  if (data && data.byteLength > 4) keepPlane(unpackPlane(data))
}
