"""The transitions of a delivery, and which open deliveries are skipped.

Every statement that changes `delivery.state` comes from here; when it runs is for `queue`, `sends` and `subscribers`. Start with
`transitions.py`.
"""
