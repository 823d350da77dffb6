"""VROOM's JSON, in and out, with what it cannot say added under names of our own."""

from dispatch.engine.vroom.answer import answered
from dispatch.engine.vroom.question import asked
from dispatch.engine.vroom.reading import BadInput
from dispatch.engine.vroom.shapes import Question

__all__ = ["BadInput", "Question", "answered", "asked"]
