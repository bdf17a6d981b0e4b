"""Imported first by the process that others are forked from: no garbage is looked for while torch is imported.

That takes a fifth of the time off: 2.5 to 2.0 s for torch and torch._dynamo, medians of three. `host.serve` switches
it on again.
"""

import gc

gc.disable()
