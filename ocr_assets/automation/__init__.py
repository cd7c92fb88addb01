"""What runs when: jobs (``jobs.py``), schedules (``schedules.py``), sensors (``sensors.py``) and the conditions under which
assets are refreshed by themselves (``conditions.py``, ``policies.py``), each named, with its reason. What may be spent is in
``money.py``."""

from ocr_assets.automation.jobs import JOBS
from ocr_assets.automation.policies import governed
from ocr_assets.automation.schedules import schedules
from ocr_assets.automation.sensors import sensors
from ocr_assets.automation.upkeep_job import upkeep_schedule

__all__ = ["JOBS", "governed", "schedules", "sensors", "upkeep_schedule"]
