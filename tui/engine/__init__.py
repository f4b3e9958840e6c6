"""The engine: it walks every request through the rooms and gives out frozen snapshots."""

from tui.engine.thread import Engine, EngineFailed

__all__ = ["Engine", "EngineFailed"]
