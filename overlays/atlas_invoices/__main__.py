"""`python -m atlas_invoices` is the command."""

import sys

from atlas_invoices.cli import main

sys.exit(main())
