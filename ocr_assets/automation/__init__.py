"""What runs when: jobs (``jobs.py``) and schedules (``schedules.py``), each named, with its reason."""

from ocr_assets.automation.jobs import JOBS
from ocr_assets.automation.schedules import SCHEDULES

__all__ = ["JOBS", "SCHEDULES"]
