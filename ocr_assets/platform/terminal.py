"""What ``ocr-assets run`` prints while it runs: each stage as it begins (▸), its own lines, warnings (!) and failures (✗).

The full event log is in Dagster's storage and in the UI.
"""

import logging
import sys

import dagster as dg


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        if event is None and record.levelno >= logging.INFO:
            mark = "!" if record.levelno >= logging.WARNING else " "
            print(f"{mark} {meta.get('orig_message', record.getMessage())}", file=sys.stderr, flush=True)
        elif event is not None and event.event_type_value == "STEP_START":
            print(f"▸ {event.step_key}", file=sys.stderr, flush=True)
        elif event is not None and event.event_type_value == "STEP_FAILURE":
            error = event.event_specific_data.error
            cause = error.cause if error is not None and error.cause else error
            print(f"✗ {event.step_key}: {cause.message.strip() if cause else record.getMessage()}", file=sys.stderr, flush=True)


@dg.logger({}, description="Stages as they begin, their own lines, failures")
def terminal(context: dg.InitLoggerContext) -> logging.Logger:
    """The console logger of this code location."""
    logger = logging.Logger("ocr_assets", level=logging.DEBUG)  # Dagster logs the start of a step at that level
    logger.addHandler(_Lines())
    return logger
