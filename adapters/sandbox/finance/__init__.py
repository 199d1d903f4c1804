"""The sandbox's finance system (非税收入收缴管理系统): one set of books behind several dialects.

Every rule of the house is here; a face (the simulator of an upstream folder) adds a dialect, its
protection, and how pushes travel. Result codes above 20000, the pay codes' check digit, everything
below ``/sim/`` and the messages 88xx and 58xx but 5996 and 5997 are OURS.
"""

from adapters.sandbox.finance.desk import Desk, Reply, Wire
from adapters.sandbox.finance.faults import Act
from adapters.sandbox.finance.house import House, provision_agency
from adapters.sandbox.finance.office import AGENCY
from adapters.sandbox.finance.pushing import Carrier

__all__ = ["AGENCY", "Act", "Carrier", "Desk", "House", "Reply", "Wire", "provision_agency"]
