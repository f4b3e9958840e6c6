"""The call: one request, one Outcome, whatever happened. Wire, filters, errors, prices, credentials."""
