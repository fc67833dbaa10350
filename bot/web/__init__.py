"""All HTTP of ours: the shell around every request, the one permission gate, the agents' API, health and metrics.

Channels add their own routes; they are reached through the contract.
"""
