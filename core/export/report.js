// One zoom and one pan for all panels, in shares of the picture; nearest neighbor only.
"use strict"
const panels = [...document.querySelectorAll(".panel")]
const view = { zoom: 1, left: 0, top: 0 } // left, top: the corner that is seen, 0..1

function draw() {
  const most = 1 - 1 / view.zoom
  view.left = Math.min(Math.max(view.left, 0), most)
  view.top = Math.min(Math.max(view.top, 0), most)
  for (const panel of panels) {
    const { clientWidth: width, clientHeight: height } = panel
    const move = `translate(${-view.left * width * view.zoom}px, ${-view.top * height * view.zoom}px)`
    panel.firstElementChild.style.transform = `${move} scale(${view.zoom})`
  }
  document.querySelector(".bar output").textContent = `${+view.zoom.toFixed(2)}x`
}

function zoomAt(across, down, factor) { // across, down: the place that stays, 0..1 of the panel
  const before = view.zoom
  view.zoom = Math.min(Math.max(view.zoom * factor, 1), 64)
  view.left += across / before - across / view.zoom
  view.top += down / before - down / view.zoom
  draw()
}

for (const panel of panels) {
  let last = null
  panel.addEventListener("wheel", (event) => {
    if (event.deltaY > 0 && view.zoom <= 1) return // nothing left to zoom out: scroll the page
    event.preventDefault()
    const box = panel.getBoundingClientRect()
    const across = (event.clientX - box.left) / box.width
    const down = (event.clientY - box.top) / box.height
    zoomAt(across, down, event.deltaY < 0 ? 1.25 : 0.8)
  }, { passive: false })
  panel.addEventListener("pointerdown", (event) => {
    panel.setPointerCapture(event.pointerId)
    last = event
  })
  panel.addEventListener("pointermove", (event) => {
    if (!last) return
    view.left -= (event.clientX - last.clientX) / panel.clientWidth / view.zoom
    view.top -= (event.clientY - last.clientY) / panel.clientHeight / view.zoom
    last = event
    draw()
  })
  panel.addEventListener("pointerup", () => { last = null })
  panel.addEventListener("dblclick", () => zoomAt(0, 0, 0))
}
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => zoomAt(0.5, 0.5, +button.dataset.zoom))
}
addEventListener("resize", draw)

const figures = JSON.parse(document.getElementById("figures").textContent)
for (const [name, { data, layout }] of Object.entries(figures)) {
  Plotly.newPlot(name, data, layout, { displayModeBar: false, responsive: true })
}
