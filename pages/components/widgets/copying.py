"""A link with a button that copies it, on plain http too, where browsers offer no clipboard."""

from __future__ import annotations

import streamlit as st

_COPY = st.components.v2.component(
    "maskscope_copy",
    html="""<div class="copy"><input readonly aria-label="Link"><button>Copy link</button></div>""",
    css="""
.copy { display: flex; gap: 0.5rem; font: var(--st-font-size, 0.9rem) var(--st-font, sans-serif); }
.copy input { flex: 1; min-width: 0; padding: 0.4rem 0.6rem; }
.copy input, .copy button {
  color: var(--st-text-color); background: var(--st-secondary-background-color);
  border: 1px solid var(--st-border-color); border-radius: 4px; font: inherit;
}
.copy button { padding: 0.4rem 0.8rem; cursor: pointer; }
""",
    js="""
export default function ({ data, parentElement }) {
  const field = parentElement.querySelector("input")
  const button = parentElement.querySelector("button")
  field.value = location.origin + data.path // how this browser reaches the server
  field.onclick = () => field.select()
  button.onclick = async () => {
    button.textContent = (await copied(field)) ? "Copied" : "Press Ctrl+C"
    setTimeout(() => (button.textContent = "Copy link"), 2000)
  }
}

async function copied(field) {
  try {
    await navigator.clipboard.writeText(field.value)
    return true
  } catch {
    field.focus()
    field.select()
    return document.execCommand("copy") // all there is without https
  }
}
""",
)


def show_link(query: str, *, key: str, page: str = "") -> None:
    """Draw the address of the app with this query.

    Args:
        query: such as "run=abc".
        key: of the element.
        page: of the app, as its address has it; "" for the first.
    """
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    path = f"/{base}/{page}?{query}" if base else f"/{page}?{query}"
    # An id may hold two "_" beside each other, which Streamlit refuses in the key of a component.
    _COPY(data={"path": path}, key=key.replace("_", "."))
