"""What stays of an erasure for who has to prove it: signed, and without anything personal."""

import importlib.metadata
from datetime import datetime

from core.certificates import sign
from core.erasure_certificates import KIND
from workers.erasure.jobs import Job


def certificate_of(job: Job, finished_at: datetime, secret: bytes) -> str:
    """The document, by the key made of 32 secret bytes."""
    said = {
        "kind": KIND,
        "pug": importlib.metadata.version("pug"),
        "erasure": job.id,
        "project": job.project_id,
        "requested_at": _instant(job.requested_at),
        "finished_at": _instant(finished_at),
        # How many ids the person had. They are refused from now on.
        "refused_ids": len(job.distinct_ids),
        # Everything accepted up to this place of the event stream was stored before anything was counted.
        "settled_through": job.stream_sequence,
        "stores": [{"name": name, "before": before, "after": after} for name, (before, after) in sorted(job.counts.items())],
    }
    return sign(said, secret)


def _instant(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds")
