"""The agency side of CNNONTAX 1.0 (执收单位), whatever carries its messages: TCP frames or HTTP.

An upstream folder adds options and a carrier; fields, results and their meaning are here once.
"""

from adapters.kit.cfx.agency import Agency, Carried, Carrier, Opened
from adapters.kit.cfx.options import AgencyOptions

__all__ = ["Agency", "AgencyOptions", "Carried", "Carrier", "Opened"]
