"""The transitions of a delivery, and which open deliveries are skipped.

Every statement that changes `delivery.state` is made here; `queue`, `sends` and `subscribers` run it. Start with
`transitions.py`.
"""
