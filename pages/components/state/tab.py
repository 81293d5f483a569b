"""What a browser tab has open: one frozen value, and how it changes. No Streamlit here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from core.errors import BusyError, InspectionError
from core.live import LiveView
from core.presets import PRESETS, apply_preset, preset_of
from core.settings import Settings, change
from core.store import Run
from pages.components.state.many import Many
from pages.components.state.masks import Masks
from pages.components.state.sources import Sources, sources_of

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.checkpoint import Checkpoint
    from core.inspection import Inspection
    from core.scores import Truth

DASHBOARD, CHECKPOINT_PAGE = "app.py", "pages/checkpoint.py"


@dataclass(frozen=True)
class Complaint:
    """An error as it is shown: what happened, what to do."""

    message: str
    remedy: str
    changes: Mapping[str, Any] = field(default_factory=dict)  # the remedy as settings
    code: str = ""  # the remedy as lines to copy
    look: Sources | None = None  # a checkpoint that can be looked into, though it does not run
    again: bool = False  # it may succeed later
    smaller: tuple[str, tuple[int, int]] | None = None  # a picture; width, height of a copy of it

    @classmethod
    def of(
        cls, error: InspectionError, look: Sources | None = None, picture: str = ""
    ) -> Complaint:
        """An error of the core.

        Args:
            error: what happened.
            look: the checkpoint page can say more of this one.
            picture: that is too large, where it is.
        """
        smaller = (picture, error.smaller) if picture and error.smaller else None
        again = isinstance(error, BusyError)
        return cls(error.message, error.remedy, error.changes, error.code, look, again, smaller)


@dataclass(frozen=True, eq=False)
class Seen:
    """The inspection on the screen, and whether the current settings are behind it."""

    inspection: Inspection
    truth: Truth | None
    stale: bool
    version: str = ""  # of the checkpoint's file, as `files.version_of` tells it


@dataclass(frozen=True, eq=False)
class TabState:
    """All that a tab keeps between two runs of a page."""

    settings: Settings = field(default_factory=Settings)
    sources: Sources = field(default_factory=Sources)
    preset: str = "unit"  # the one that `reset` returns to
    person: str = field(default_factory=lambda: uuid4().hex)  # in the engine's queue
    live: LiveView = field(default_factory=LiveView)  # the viewer's door beside the page
    channel: int | None = None  # of the logits, that is drawn
    pin: tuple[int, int] | None = None  # row, column
    deployed: str = ""  # the upload that is compared with the checkpoint, by its SHA-256
    answered: int = 0  # the newest message of the viewer's sliders that was taken over
    complaint: Complaint | None = None
    good: tuple[Seen, Sources] | None = None  # the last inspection that succeeded, and of what
    before_fix: tuple[Settings, Sources] | None = None  # where the last change was a fix
    looked: Sources | None = None  # the checkpoint page's own, where it has one
    good_look: tuple[Checkpoint, Sources] | None = None
    left: tuple[Sources, Settings] | None = None  # what was open before a case of the gallery
    columns: tuple[Settings, ...] = ()  # that are compared
    masks: Masks = field(default_factory=Masks)  # the page of the mask door
    many: Many = field(default_factory=Many)  # the page of many pictures
    run: Run | None = None  # that was opened by its link
    forked: bool = False
    sharing: bool = False  # the dialog is open
    shared: str = ""  # id of the run that was just made
    wanted_page: str = ""  # kept until it is reached, as a run of a page may be cut short

    # --- settings ---------------------------------------------------------------------------------

    def with_settings(self, settings: Settings) -> TabState:
        """Take over settings; what was complained of and what could be undone is over."""
        return replace(self, settings=settings, complaint=None, before_fix=None)

    def with_changes(self, **changes: Any) -> TabState:
        """Change settings by name; an unusable value is a complaint, and the others stay."""
        try:
            return self.with_settings(change(self.settings, **changes))
        except InspectionError as error:
            return replace(self, complaint=Complaint.of(error))

    def with_preset(self, name: str) -> TabState:
        """Take over a convention, and keep it for `with_defaults`."""
        return replace(self.with_settings(apply_preset(self.settings, name)), preset=name)

    def with_defaults(self) -> TabState:
        """Return every setting to its default, and mean and std to the preset last chosen."""
        names = self.settings.display.class_names
        return self.with_settings(change(Settings(), class_names=names)).with_preset(self.preset)

    def with_fix(self, changes: Mapping[str, Any], part: str = "") -> TabState:
        """Do what a finding advises, and keep what was before.

        Args:
            changes: of the settings.
            part: other weights of the same file; "" for those that are open.
        """
        changed = self.with_changes(**changes)
        if changed.complaint:
            return changed
        opened = replace(self.sources, part=part, choices="") if part else self.sources
        return replace(changed, sources=opened, before_fix=(self.settings, self.sources))

    def undone(self) -> TabState:
        """Return to the settings and weights before the last fix."""
        settings, opened = self.before_fix or (self.settings, self.sources)
        now = self.sources
        if now.checkpoint == opened.checkpoint:
            now = replace(now, part=opened.part, choices=opened.choices)
        return replace(self.with_settings(settings), sources=now)

    # --- sources ----------------------------------------------------------------------------------

    def with_sources(self, **changes: str) -> TabState:
        """Open another picture, checkpoint or ground truth; what belonged to the old one goes."""
        if "checkpoint" in changes:  # facts chosen for the one before say nothing of this one
            changes = {"part": "", "choices": "", **changes}
        return replace(
            self,
            sources=replace(self.sources, **changes),
            complaint=None,
            pin=None if "picture" in changes else self.pin,
            looked=None if "checkpoint" in changes else self.looked,
        )

    @property
    def looked_into(self) -> Sources:
        """The checkpoint on its page: what the dashboard shows, or what it could not run."""
        return self.looked or self.sources

    def looking_into(self, now: Sources) -> TabState:
        """Show this checkpoint on its page, though the dashboard shows another."""
        return replace(self, looked=now, complaint=None, wanted_page=CHECKPOINT_PAGE)

    def with_looked_into(self, **changes: str) -> TabState:
        """Change the checkpoint page's own checkpoint where it has one, else the dashboard's."""
        changed = replace(self.looked_into, **changes)
        if self.looked is not None:
            return replace(self, looked=changed, complaint=None)
        return replace(self, sources=changed, complaint=None)

    def with_case(self, opened: Sources, settings: Settings) -> TabState:
        """Open a case of the gallery; what was open before the first one is kept."""
        left = self.left or (self.sources, self.settings)
        return replace(self._instead(opened, settings), left=left)

    def returned(self) -> TabState:
        """Show again what was open before the first case."""
        return replace(self._instead(*self.left), left=None) if self.left else self

    def _instead(self, opened: Sources, settings: Settings) -> TabState:
        return replace(
            self.with_settings(settings),
            sources=opened,
            preset=preset_of(settings) or "unit",
            good=None,
            looked=None,
            pin=None,
            channel=None,
            columns=(),
            wanted_page=DASHBOARD,
        )

    # --- runs -------------------------------------------------------------------------------------

    @property
    def shared_run(self) -> Run | None:
        """The run that this tab shows; None once anything was changed, as that is a copy."""
        if self.run is None or self.forked:
            return None
        same = self.settings == self.run.snapshot.settings and self.sources == sources_of(self.run)
        return self.run if same else None

    def showing(self, run: Run) -> TabState:
        """Show what a run froze."""
        snapshot = run.snapshot
        return replace(
            self.with_settings(snapshot.settings),
            sources=sources_of(run),
            preset=snapshot.preset if snapshot.preset in PRESETS else "unit",
            pin=snapshot.pin,
            channel=snapshot.channel,
            looked=None,
            columns=(),
            run=run,
            forked=False,
        )

    def forking(self) -> TabState:
        """Go on with a copy of the run, which can be changed."""
        if self.run is None or self.run.snapshot.kind != "no weights":
            return replace(self, forked=True)
        missing = Complaint(
            "This run came without its weights: the example's checkpoint stands in for them.",
            "Upload the checkpoint in the sidebar.",
        )
        stand_in = replace(self.sources, checkpoint="example", part="", choices="")
        return replace(self, forked=True, sources=stand_in, complaint=missing)

    @property
    def open_digests(self) -> set[str]:
        """What this tab has open must not go with a run that is deleted."""
        return set(asdict(self.sources).values()) | self.masks.digests
