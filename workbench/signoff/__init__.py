"""A person's decision on a fix: what they are asked, and what follows from the answer."""

from workbench.signoff.deciding import reject, verify
from workbench.signoff.proposals import Proposal, Seen, proposal

__all__ = ["Proposal", "Seen", "proposal", "reject", "verify"]
