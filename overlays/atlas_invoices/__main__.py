"""`python -m atlas_invoices` is the command."""

import sys

from .cli import main

sys.exit(main())
