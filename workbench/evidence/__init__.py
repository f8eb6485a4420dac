"""Proof, not claims: what the tests say about a fix, on clean trees that the agent never touched."""

from workbench.evidence.collecting import collect, estimate
from workbench.evidence.costs import Estimate
from workbench.evidence.fault import RecordedFault
from workbench.evidence.personal import personal_values
from workbench.evidence.report import EvidenceReport, EvidenceRequest, Flag, Replay, Verdict
from workbench.evidence.reproducing import Reproduction, reproduce
from workbench.evidence.split import Split
from workbench.evidence.store import save

__all__ = [
    "Estimate",
    "EvidenceReport",
    "EvidenceRequest",
    "Flag",
    "RecordedFault",
    "Replay",
    "Reproduction",
    "Split",
    "Verdict",
    "collect",
    "estimate",
    "personal_values",
    "reproduce",
    "save",
]
