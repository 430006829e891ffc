"""The types that mypy must infer for records. `make lint` checks this file; no test runs it.

Each `type: ignore` names an error that has to be there: mypy in strict mode reports one that is not needed.
"""

from __future__ import annotations

from typing import assert_type

from engine.exporters.chat_jsonl import ChatJsonl
from engine.exporters.llamafactory import LlamaFactory
from engine.exporters.trajectory import TrajectoryRecord
from engine.exporting.record import changed, read, record_of
from engine.protocols import Exporter
from engine.types import Converted, Record, RecordTurn, Trajectory, Turn


def exporters(chat: ChatJsonl, sharegpt: LlamaFactory, whole: TrajectoryRecord) -> tuple[Exporter, ...]:
    return chat, sharegpt, whole


def a_record_is_converted(exporter: Exporter, body: bytes, trajectory: Trajectory) -> None:
    assert_type(read(body), Record)
    assert_type(exporter.convert(record_of(trajectory)), Converted)


def a_trajectory_is_no_record(exporter: Exporter, trajectory: Trajectory) -> None:
    exporter.convert(trajectory)  # type: ignore[arg-type]


def a_record_is_no_trajectory(record: Record) -> Trajectory:
    return record  # type: ignore[return-value]


def a_record_has_no_methods_of_a_model(record: Record) -> None:
    record.model_copy(update={"turns": ()})  # type: ignore[attr-defined]
    record.turns[0].model_dump()  # type: ignore[attr-defined]
    record.tools[0].schema_for_model()  # type: ignore[attr-defined]
    assert_type(changed(record, turns=()), Record)


def a_turn_of_a_record_is_no_turn(record: Record, turn: Turn) -> Turn:
    assert_type(record.turns[0], RecordTurn)
    changed(turn, train=False)  # type: ignore[type-var]
    return record.turns[0]  # type: ignore[return-value]
