"""Who may touch the session, and that no page needs itself."""

from pathlib import Path

from scripts.house import cycles, imports

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]
STATE = ROOT / "pages" / "components" / "state"


def test_only_the_room_of_the_state_touches_the_session():
    outside = [path for path in PAGES if not path.is_relative_to(STATE)]
    touching = [p for p in outside if "session_state" in p.read_text(encoding="utf-8")]

    assert [str(path.relative_to(ROOT)) for path in touching] == []


def test_what_a_tab_has_open_knows_no_streamlit():
    pure = [STATE / name for name in ("tab.py", "address.py", "sources.py")]

    assert [p.name for p in pure if "import streamlit" in p.read_text(encoding="utf-8")] == []


def test_no_modules_of_the_pages_import_each_other():
    assert cycles(imports(ROOT, PAGES)) == []
