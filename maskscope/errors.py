"""What can go wrong with what a notebook hands over; each says what to do next."""

from __future__ import annotations

from core.errors import InspectionError


class LivingModelError(InspectionError):
    """The model cannot be run as it is, or its answer holds no logits."""


class PictureError(InspectionError):
    """What was given as picture or ground truth is none."""


class PreprocessError(InspectionError):
    """The user's own preprocessing stops, or returns no tensor of one picture."""
